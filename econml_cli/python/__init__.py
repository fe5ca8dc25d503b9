"""The same calls for Python and notebooks: `econml_cli.fit`, `econml_cli.load`, `econml_cli.runs_in`."""
