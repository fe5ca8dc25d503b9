"""What a model, a checkpoint, a runs directory and the registries hold: plain data first, text or JSON second.

    graph.py        the graphdef: a tree of modules with their static attributes
    state.py        the state: one row an array, with its shape, size and moments
    checkpoints.py  both, and a summary, of one checkpoint of a run
    listings.py     the runs in a directory; the models and problems with their options (imports no jax)
    text.py         all of these as something rich can print

Nothing here prints or trains. Import the module you need: this package imports none of them.
"""
