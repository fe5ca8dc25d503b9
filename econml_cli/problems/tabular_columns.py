"""Which columns of a file a fit reads, what each is for, and those that nothing can be made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from econml_cli.data import expression
from econml_cli.errors import ConfigError, DataError
from econml_cli.options import shell
from econml_cli.problems import tabular_options
from econml_cli.problems.loss_row import Loss
from econml_cli.problems.tabular_options import TabularOptions

if TYPE_CHECKING:
    from econml_cli.data.asked import Asked
    from econml_cli.data.formula import Formula
    from econml_cli.data.read import Table
    from econml_cli.data.schema import Schema


def needed(p: TabularOptions, said: Asked, names: Sequence[str]) -> Sequence[str]:
    """The columns of a file, of all its `names`, that a fit reads. Nothing of the data has been read yet.

    Raises:
        ConfigError: a formula that is not admitted. DataError: a column is not there.
    """
    from econml_cli.data import columns, formula, specification

    assert p.data is not None
    apart = tabular_options.apart(p)
    columns.require(apart, names, p.data)
    there = [name for name in names if name not in said.drop_columns]
    asked = [] if p.schema is not None else said.named
    read = specification.specify(there, p.data, p.target, p.features, p.formula, apart).formula()
    every = p.features is None if p.formula is None else formula.takes_others(p.formula)
    if every:
        return names
    used = [column for node in read.factors.values() for column in expression.columns(node)]
    used += [column for names in read.absorbed for column in names]
    columns.require(used, there, p.data)
    return [name for name in names if name in {*used, *apart, *asked}]


def check_embedded(read: Formula, embedded: Collection[str]) -> None:
    """Refuse embeddings of what is in the formula already."""
    if read.absorbed and embedded:
        raise ConfigError("--embed is of networks, and fixed effects (right of |) of model linear; give one of them.")
    target = [] if read.target is None else expression.columns(read.factors[read.target])
    if both := set(embedded) & {*target, *read.feature_columns}:
        raise ConfigError(f"--embed {min(both)} is the target, or one of the features; leave it out there, or here.")


def check_entities(read: Formula, p: TabularOptions, row: Loss) -> None:
    """Refuse fixed effects and embeddings that the loss rules out."""
    if read.absorbed and not row.absorbs:
        raise ConfigError(
            f"Fixed effects are absorbed under squared error and --loss poisson, and the loss is {row.called}; write "
            "C(...) for dummies of them, or leave out --loss."
        )
    if p.embed and row.reconstructs:
        raise ConfigError("--embed is of a target, and --loss reconstruction has none; leave it out.")


def refuse_unsuited(read: Formula, table: Table, embedded: Collection[str], weighed: str | None) -> None:
    """Refuse features that say which row it is, and columns that nothing can be made of, one of weights among them.

    Raises:
        DataError: names the column, and what to type.
    """
    refuse_columns(read, table.schema, len(table.frame), table.source, embedded, weighed)


def refuse_columns(
    read: Formula, schema: Schema, rows: int, source: str, embedded: Collection[str], weighed: str | None = None
) -> None:
    """`refuse_unsuited` of a schema of so many rows."""
    target = [] if read.target is None else expression.columns(read.factors[read.target])
    absorbed = [name for names in read.absorbed for name in names]
    numbers = {**({} if weighed is None else {weighed: "Column of weights"}), **dict.fromkeys(target, "Target")}
    for name in (*numbers, *read.feature_columns, *absorbed, *embedded):
        column = schema[name]
        if column.kind == "empty":
            raise DataError(
                f"Column '{name}' holds no values at all; leave it out: {shell.option('--drop-columns', name)}."
            )
        if column.kind == "other":
            raise DataError(f"Column '{name}' of {source} cannot be used: {column.why}.")
        odd = next((text for text in (*column.notes, column.why) if "numbers but for" in text), None)
        if name in numbers and odd is not None and (name == weighed or column.count > rows / 2):
            raise DataError(f"{numbers[name]} '{name}' is {odd[odd.index('numbers but for') :]}.")
        if column.kind == "identifier" and column.low is None and name in read.feature_columns:
            raise DataError(
                f"Column '{name}' names rows rather than describes them ({column.why}): leave it out, or insist with "
                f"{shell.option('--categorical', name)}."
            )


def roles(p: TabularOptions, read: Formula) -> dict[str, str]:
    """What each column that was read is for; "feature, time" of one that is two things."""
    roles = dict.fromkeys(read.feature_columns, "feature")
    if read.target is not None:
        roles |= dict.fromkeys(expression.columns(read.factors[read.target]), "target")
    unit, time = p.panel[0] if p.panel else None, p.panel[1] if p.panel and len(p.panel) > 1 else None
    weights = tabular_options.row_weights(p)
    apart = (
        (unit, "group"), (time, "time"), (p.group, "group"), (p.time, "time"),
        *(() if weights is None else ((weights.column, weights.kind if weights.is_exposure else "weights"),)),
        *((name, "fixed effect") for names in read.absorbed for name in names),
        *((name, "embedding") for name in tabular_options.embedded(p)),
    )  # fmt: skip
    for name, role in dict(apart).items():
        if name is not None:
            roles[name] = f"{roles[name]}, {role}" if name in roles else role
    return roles
