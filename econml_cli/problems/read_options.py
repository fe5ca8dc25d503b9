"""How a file is read, where that is not as it looks: options of every command that reads one."""

from dataclasses import dataclass

from econml_cli.data.asked import Asked
from econml_cli.options.fields import option


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read."""

    categorical: tuple[str, ...] | None = option(None, "columns to take as categories, whatever they look like")
    numeric: tuple[str, ...] | None = option(None, "columns to take as numbers (of Stata: the codes, not the labels)")
    dates: tuple[str, ...] | None = option(None, "columns to take as dates; with a format: 'when=%d/%m/%Y'")
    na_values: tuple[str, ...] | None = option(
        None, "what stands for a missing value besides an empty field (default: as docs/data.md says)"
    )
    drop_columns: tuple[str, ...] | None = option(None, "columns of the file that this fit ignores")
    decimal: str | None = option(None, "decimal mark of numbers in text files: . or ,", metavar="MARK")
    delimiter: str | None = option(None, "what stands between the columns of a text file", metavar="MARK")

    sheet: str | None = option(None, "the sheet of an Excel file, by name or number", metavar="NAME")
    schema: str | None = option(
        None,
        "a file that says all of this, which `econml inspect data --out FILE` writes; the options above overrule it",
        metavar="FILE",
    )

    def asked(self) -> Asked:
        """The same for whoever reads.

        Raises:
            ConfigError: --schema is no such file.
        """
        lists = (self.categorical or (), self.numeric or (), self.dates or ())
        typed = Asked(*lists, self.na_values, self.drop_columns or (), self.decimal, self.delimiter, self.sheet)
        if self.schema is None:
            return typed
        from econml_cli.data import schema_file

        return typed.over(schema_file.read(self.schema))
