"""What a model, a checkpoint, a runs directory and the registries hold: plain data first, text or JSON second.

    graph.py         the graphdef: a tree of modules with their static attributes
    state.py         the state: one row an array, with its shape, size and moments
    report.py        both, a summary and the other views of one model
    checkpoints.py   the report of one checkpoint of a run
    untrained.py     the report of a model that has not been fitted, from shapes alone
    calls.py         which modules a model calls; layers.py: what each of them reads, gives and costs
    gradients.py     the gradient of the training loss, leaf by leaf; hidden.py: units that are dead
    difference.py    two checkpoints compared; checks.py: whether something is wrong with one
    selection.py     --path
    listings.py      the runs in a directory; the models and problems with their options (imports no jax)
    templates.py     files to start a model or a problem of one's own from
    text.py, views.py, findings.py   all of these as something rich can print; html.py: a page of a model

Nothing here prints or trains. Import the module you need: this package imports none of them.
"""
