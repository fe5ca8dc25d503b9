"""Fit neural networks and other function approximators to economic data and economic models.

Everything the `econml` command can do is a library call here: see `econml_cli.training`, `econml_cli.evaluation`,
`econml_cli.inspection` and `econml_cli.runs`. Importing this package imports none of them, so it stays light.
"""

__version__ = "0.1.0"
