"""Models as values of a parameter, and parameters that apply to some of them only."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import schema, trial_config
from econml_cli.sweeps.spec.sample import render, sample
from econml_cli.sweeps.study.history import History
from econml_cli.sweeps.study.study import Study

YAML = """
name: several
method: {method}
metric: {{name: val_loss}}
parameters:
  model: {{values: [mlp, linear, polynomial]}}
  lr: {lr}
  width: {{values: [4, 8]}}
  optimizer: {{values: [adam, sgd]}}
  sgd: {{parameters: {{momentum: {{values: [0.0, 0.5, 0.9]}}}}}}
  polynomial:
    parameters:
      degree: {{values: [1, 2, 3]}}
      basis: {{values: [chebyshev, legendre]}}
  num_epochs: {{value: 20}}
command: ["${{env}}", econml, fit, --degree=1, "${{args}}"]
"""


def sweep_of(
    method="bayes", lr="{distribution: log_uniform_values, min: 0.001, max: 0.1}", change=("--degree=1, ", "")
):
    text = YAML.format(method=method, lr=lr)
    for old, new in (("--degree=1, ", ""), change):
        text = text.replace(old, new)
    return schema.parse(text, Path("s.yaml"))


def applies(point: dict[str, Any]) -> bool:
    """Whether a point has just what its model and its optimizer have."""
    wanted = {"model", "lr", "optimizer", "num_epochs"}
    wanted |= {"width"} if point["model"] == "mlp" else set()
    wanted |= {"sgd.momentum"} if point["optimizer"] == "sgd" else set()
    wanted |= {"polynomial.degree", "polynomial.basis"} if point["model"] == "polynomial" else set()
    return set(point) == wanted


def test_a_grid_has_each_point_once_without_what_does_not_apply():
    sweep = sweep_of("grid", "{values: [0.01, 0.1]}")
    points = sample(sweep)
    models = [1 * 2, 1, 3 * 2]  # of each model the combinations of its own
    optimizers = [1, 3]
    assert len(points) == sweep.space.grid_size() == 2 * sum(a * b for a, b in itertools.product(models, optimizers))
    assert len({json.dumps(point, sort_keys=True) for point in points}) == len(points)
    assert all(map(applies, points))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["gp", "tpe", "qmc", "random"])
def test_every_sampler_proposes_what_applies_and_a_replay_is_exact(isolated: Path, sampler: str):
    study = Study.open(
        sweep_of(), "s.journal", name="s", seed=3, count=24, batch=4, alone=True, worker="w", sampler=sampler
    )  # fmt: skip
    ran = []
    while taken := study.take(8):
        for trial in taken:
            assert applies(dict(trial.params)), trial.params
            study.complete(trial.number, {"mlp": 1.0, "linear": 2.0, "polynomial": 0.0}[trial.params["model"]])
            ran.append(trial.params["model"])
    assert len(ran) == 24
    if sampler in ("gp", "tpe"):
        assert ran[12:].count("polynomial") > 6, "it has not learned which model is the best"
    assignments = study._writer.read()
    for entry in assignments.entries:
        kept = entry.trial.user_attrs.get("history")
        history = History.again(assignments, kept) if kept else History((), ())
        assert study._proposer.propose(entry.index, history).point == entry.trial.user_attrs["point"]
        assert set(entry.trial.params) == set(entry.trial.user_attrs["point"]) - {"num_epochs"}


def test_draws_do_not_depend_on_what_applies():
    """A random point has the values that it has without conditions, where they apply."""
    sweep = sweep_of("random")
    for index in range(20):
        point, drawn = sweep.space.point(1, index), sweep.space.draw(1, index)
        assert point == {name: drawn[name] for name in point} and applies(point)


def test_a_command_is_given_the_options_by_their_own_names():
    lines = render(sweep_of("random"), sample(sweep_of("random"), 12), "commands").splitlines()
    assert all(line.startswith("econml fit --model=") for line in lines)
    momentum = [line for line in lines if "--momentum=" in line]
    assert momentum and all("--optimizer=sgd" in line for line in momentum)
    assert not any("sgd.momentum" in line or "{" in line for line in lines)


def test_an_option_of_the_command_is_left_out_where_it_does_not_apply():
    text = YAML.format(method="random", lr="{value: 0.01}").replace(
        "degree: {values: [1, 2, 3]}", "interaction: {value: total}"
    )
    sweep = schema.parse(text, Path("s.yaml"))
    made = [trial_config.config_of(sweep, sweep.typed(sweep.space.point(0, i))).to_dict() for i in range(12)]
    assert {config["model"] for config in made} == {"mlp", "linear", "polynomial"}
    assert all(("degree" in config) == (config["model"] == "polynomial") for config in made)
    assert all(config["degree"] == 1 for config in made if config["model"] == "polynomial")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[mlp, linear", "[mlq, linear"), r"s.yaml:6: .*mlq"),
        (("width:", "widht:"), "'widht' is no option of mlp or linear or polynomial on linear. Did you mean 'width'"),
        (("  sgd:", "  adamw:"), "'adamw.momentum' is no option of .* Nested parameters belong to a value"),
        (("momentum: {values", "lr: {values"), "sgd.lr and lr are one option; leave one of them out"),
        (("fit, ", "fit, mlp, "), "model is a parameter and in the command too"),
        (("{values: [mlp, linear, polynomial]}", "{min: 1, max: 3}"), "model: list its values"),
        (("[4, 8]", "[4, 0.5]"), "width: .*integer"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_such_a_space_is_said(change: tuple[str, str], said: str):
    with pytest.raises(ConfigError, match=said):
        sweep_of(change=change)


def test_problems_can_be_values_too():
    text = """
method: grid
parameters:
  problem: {values: [linear, runge]}
  M: {values: [2, 5]}
  num_epochs: {value: 20}
command: ["${env}", econml, fit, mlp, "${args}"]
"""
    sweep = schema.parse(text, Path("s.yaml"))
    points = sample(sweep)
    assert sorted((p["problem"], p.get("M")) for p in points if p["problem"] == "linear") == [
        ("linear", 2),
        ("linear", 5),
    ]
    assert [p for p in points if p["problem"] == "runge"] == [{"problem": "runge", "num_epochs": 20}]
    assert {trial_config.config_of(sweep, point).problem for point in points} == {"linear", "runge"}
    assert any("different problems" in note for note in sweep.notes)


@pytest.mark.slow
def test_a_sweep_over_models_runs_and_its_best_can_be_refitted(econml, isolated: Path):
    text = YAML.format(method="random", lr="{value: 0.01}").replace("--degree=1, ", "")
    Path("s.yaml").write_text(text)
    ran = econml("sweep", "run", "s.yaml", "--trials", "6", "--json")
    assert ran.code == 0, ran.stderr
    document = json.loads(ran.stdout)
    trials = {trial["params"]["model"]: trial for trial in document["trials"]}
    assert set(trials) == {"mlp", "linear", "polynomial"}
    for name, trial in trials.items():
        config = (Path(trial["run"]) / "config.yaml").read_text()
        assert f"model: {name}\n" in config and applies(trial["params"])
    shown = econml("sweep", "show", "several", "--format", "csv").stdout.splitlines()
    width = shown[0].split(",").index("width")
    assert {bool(row.split(",")[width]) for row in shown[1:]} == {True, False}
    refit = document["best"]["commands"]["refit"].split()
    assert econml(*refit[1:], "--quiet").code == 0
    assert re.search(r"several: random, minimize val_loss", econml("sweep", "show", "several").stdout)
