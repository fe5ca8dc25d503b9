"""`python -m econml_cli` is `econml`."""

from econml_cli.cli import program

if __name__ == "__main__":
    program()
