"""`econml inspect model [MODEL]`: a model before it is fitted; the options offered are its own and its problem's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.commands import dynamic, help_text
from econml_cli.commands.declared import layers
from econml_cli.commands.inspect import shared
from econml_cli.commands.inspect.shared import ModelView
from econml_cli.commands.typer_options import Section
from econml_cli.config import fit_config as configs
from econml_cli.options.fields import option, options_of
from econml_cli.options.trainer import TrackingOptions, TrainerOptions

HELP = """Describe MODEL before it is fitted: from shapes alone, so that no weight is allocated.

`econml inspect model mlp --width 100000 --table` describes ten billion parameters in a second."""


@dataclass(frozen=True)
class ShapeOptions:
    """What the model is made for."""

    problem: str | None = option(
        None,
        "whose data it reads (default: tabular with --data, else what the model is for, else linear)",
        metavar="PROBLEM",
    )
    din: int | None = option(None, "number of inputs (default: the problem's)", ge=1)
    dout: int | None = option(None, "number of outputs (default: the problem's)", ge=1)
    config: str | None = option(None, "read options from a YAML file, such as a run's config.yaml", metavar="FILE")


@dataclass(frozen=True)
class ShowOptions:
    """What is shown."""

    view: ModelView | None = option(None, "show only this (default: the first three)")
    table: bool = option(False, "show its layers: inputs, outputs, parameters, FLOPs")
    path: str | None = option(None, "only what this selects: linear2, 'linear2/*', '*.kernel'", metavar="PATTERN")
    html: str | None = option(None, "also write a page that unfolds the model, replaced if it exists", metavar="FILE")
    force: bool = option(False, "with --html: replace a file that is no page of econml, too")
    json: bool = option(False, "print one JSON document and nothing else")


_PRECISION = tuple(opt for opt in options_of(TrainerOptions) if opt.name == "precision")
SHAPES = Section("Shapes", (*options_of(ShapeOptions), *_PRECISION))
SHOW = Section.of("Show", ShowOptions, paired=False)
#: options of this command alone; what is described is asked for as in a fit
_AS_IN_A_FIT = ("problem", "config")
_OWN = {opt.name: opt for cls in (ShapeOptions, ShowOptions) for opt in options_of(cls) if opt.name not in _AS_IN_A_FIT}
#: sections of a fit that say nothing about the model
_NOT_OFFERED = (TrainerOptions, TrackingOptions)


class ModelCommand(help_text.Command):
    """Builds the real command once the arguments tell the model and the problem, and hands over to it."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command with the chosen model's and problem's options."""
        # a switch that only this command has: what follows it is no value of it
        return dynamic.make_context(
            "econml inspect model", HELP, _sections, _inspect, info_name, args,
            switches=frozenset({"table"}), parent=parent, **extra,
        )  # fmt: skip


def _sections(model: str, problem: str) -> list[Section]:
    offered = [(title, cls) for title, cls in configs.sections(model, problem) if cls not in _NOT_OFFERED]
    return [*(Section.of(title, cls) for title, cls in offered), SHAPES, SHOW]


def _inspect(model: str, problem: str, given: dict[str, Any]) -> None:
    wrong: list[str] = []
    found = layers("econml inspect model", _OWN, given)
    shapes, show = configs.fill(ShapeOptions, found, wrong), configs.fill(ShowOptions, found, wrong)
    configs.refuse(wrong)
    html = Path(show.html) if show.html else None
    shared.check_html(html, show.force)
    flags = {name: value for name, value in given.items() if name not in (*_OWN, *_AS_IN_A_FIT)}
    config = dynamic.config(model, problem, shapes.config, flags)

    from econml_cli.inspection import views
    from econml_cli.inspection.untrained import VIEWS, describe_model
    from econml_cli.output import terminal

    asked = shared.chosen(show.view, show.table, VIEWS)
    report = describe_model(config, din=shapes.din, dout=shapes.dout, views=asked, path=show.path)
    report = shared.with_torch_names(report, show.path)
    shared.write_html(report, html, show.path)
    terminal.print_json(report.to_json()) if show.json else terminal.show(views.report(report))
