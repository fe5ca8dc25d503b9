"""`python -m econml_cli` is `econml`."""

from econml_cli.cli import main

if __name__ == "__main__":
    main()
