"""`--start-from`: a sweep that begins with what another one has found, and with points to be tried first."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import distributions, schema
from econml_cli.sweeps.spec.space import Parameter
from econml_cli.sweeps.study import warm_start
from econml_cli.sweeps.study.history import History
from econml_cli.sweeps.study.study import Study, read
from econml_cli.sweeps.study.trials import Trial
from econml_cli.sweeps.study.warm_start import StartFrom

YAML = """
method: {method}
metric: {{name: val_loss}}
parameters:
  lr: {{distribution: log_uniform_values, min: 0.001, max: {most}}}
  width: {{values: {widths}}}
  num_epochs: {{value: {epochs}}}
{more}
command: ["${{env}}", econml, fit, mlp, "${{args}}"]
"""
GRID = """
method: grid
metric: {{name: val_loss}}
parameters: {{width: {{values: {widths}}}, seed: {{values: [1, 2]}}}}
command: ["${{env}}", econml, fit, mlp, "${{args}}"]
"""


def sweep_of(method="bayes", *, most=0.1, widths="[16, 32]", epochs=30, more="") -> schema.Sweep:
    text = GRID if method == "grid" else YAML
    return schema.parse(text.format(method=method, most=most, widths=widths, epochs=epochs, more=more), Path("s.yaml"))


def loss(trial: Trial) -> float:
    return (math.log(trial.params.get("lr", 0.01)) + 4) ** 2 + trial.params["width"] / 64


def opened(sweep: schema.Sweep, name: str, *said: str, **options: Any) -> Study:
    given = {"name": name, "seed": 7, "count": None, "batch": 4, "alone": True, "worker": "w", **options}
    start = StartFrom(
        said, lambda: warm_start.read(sweep, said, lambda old: (f"{old}.journal", old, old, None))
    )  # fmt: skip
    return Study.open(sweep, f"{name}.journal", start=start if said else None, **given)


def run(study: Study, most: int = 1000) -> list[Trial]:
    ran: list[Trial] = []
    while len(ran) < most and (taken := study.take(4)):
        for trial in taken:
            study.complete(trial.number, loss(trial), metrics={"test_loss": 2 * loss(trial)}, epochs=30)
        ran += taken
    return ran


def test_a_widened_range_knows_the_trials_of_the_narrow_one_and_makes_none_of_them_again(isolated: Path):
    old = run(opened(sweep_of(most=0.01), "old", count=12))
    study = opened(sweep_of(most=0.3, widths="[8, 16, 32]"), "new", "old", count=6)
    new = run(study)
    assert [trial.index for trial in new] == list(range(6)) and new[0].number == 12
    # the first proposal already knows all twelve, and no point is spread over the space before it
    assignments = study._writer.read()
    assert assignments[12].trial.user_attrs["history"] == {"known": "0-11", "pending": ""}
    results = study.results()
    assert len(results.trials) == 18 and len(results.current()) == 6
    assert {t.origin for t in results.trials if t.index < 0} == {f"old/{trial.number}" for trial in old}
    assert results.best() == min(results.trials, key=lambda trial: trial.value)


@pytest.mark.parametrize("alone", [True, False])
def test_a_replay_is_exact(isolated: Path, alone: bool):
    """Also of workers that each begin the study: what both have written counts once."""
    run(opened(sweep_of(most=0.01), "old", count=9))
    study = opened(sweep_of(), "new", "old", count=9, alone=alone)
    other = study if alone else opened(sweep_of(), "new", "old", alone=False, worker="other")
    for one in (study, other) * 12:
        for trial in one.take(1):
            one.complete(trial.number, loss(trial))
    assignments = study._writer.read()
    learned = [entry for entry in assignments.entries if entry.index >= 0]
    assert len(learned) == 9 and len(assignments.given()) == 9
    for entry in learned:
        history = History.again(assignments, entry.trial.user_attrs["history"])
        assert len(history.known) >= 9
        assert study._proposer.propose(entry.index, history).point == entry.trial.user_attrs["point"]


def test_trials_taken_over_twice_count_once_and_the_same_line_goes_on(isolated: Path):
    run(opened(sweep_of(most=0.01), "old", count=5))
    study = opened(sweep_of(), "new", "old", count=5)
    before = run(study, 4)
    # a worker that was killed before it could say that it was done
    study._writer.storage.set_study_user_attr(study._writer.study, "start", None)
    for earlier in warm_start.read(sweep_of(), ["old"], lambda old: ("old.journal", old, old, None)).earlier[:2]:
        study._writer.add_given(earlier, {a.name: a.distribution for a in study._proposer.axes})
    again = opened(sweep_of(), "new", "old")
    assert len(again.results().trials) == 5 + len(before) and len(run(again)) == 5 - len(before)
    Path("old.journal").unlink()  # it is in the journal
    assert run(opened(sweep_of(), "new", "old")) == []
    with pytest.raises(ConfigError, match="was begun with --start-from old; continue it so"):
        opened(sweep_of(), "new", "other")


def test_a_point_of_a_grid_that_was_tried_is_not_tried_again(isolated: Path):
    run(opened(sweep_of("grid", widths="[16, 32]"), "old"))
    study = opened(sweep_of("grid", widths="[16, 32, 64]"), "new", "old")
    assert [trial.params["width"] for trial in run(study)] == [64, 64]
    results = study.results()
    assert study.done() and len(results.current()) == 6 == len(results.trials)
    assert sum(trial.origin is not None for trial in results.trials) == 4


def test_an_option_that_is_new_among_the_parameters_has_its_default_in_the_old_trials(isolated: Path):
    run(opened(sweep_of(), "old", count=3))
    wider = sweep_of(more="  weight_decay: {distribution: q_uniform, min: 0, max: 1, q: 0.1}")
    found = opened(wider, "new", "old").results().trials
    assert [trial.params["weight_decay"] for trial in found] == [0.0, 0.0, 0.0]
    other = sweep_of(more="  weight_decay: {min: 0.1, max: 1.0}")
    with pytest.raises(ConfigError, match="all 3 lie outside the space"):
        opened(other, "other", "old")


def test_another_metric_of_the_same_fits_is_read_from_them(isolated: Path):
    old = run(opened(sweep_of(), "old", count=3))
    text = YAML.replace("val_loss", "test_loss").format(method="random", most=1, widths="[16, 32]", epochs=30, more="")
    found = opened(schema.parse(text, Path("s.yaml")), "new", "old").results().trials
    assert [trial.value for trial in found] == [2 * loss(trial) for trial in old]


def test_what_an_earlier_sweep_cannot_give_is_said(isolated: Path):
    run(opened(sweep_of(), "old", count=3))
    for number, (sweep, why) in enumerate((
        (sweep_of(epochs=60), "num_epochs is 30 there and 60 here"),
        (sweep_of(more="  sigma: {value: 0.5}"), "sigma is 0.0001 there and 0.5 here"),
        (schema.parse(YAML.replace("fit, mlp", "fit, mlp, --optimizer=sgd").format(
            method="bayes", most=1, widths="[16, 32]", epochs=30, more=""), Path("s.yaml")),
         "optimizer is adam there and sgd here"),
    )):  # fmt: skip
        with pytest.raises(ConfigError, match=f"--start-from old: no trial of it is one .*{why}"):
            opened(sweep, f"new{number}", "old")


def test_failures_on_their_own_account_are_known_too_and_pruned_or_killed_trials_are_not(isolated: Path):
    study = opened(sweep_of(), "old", count=5)
    a, b, c, *_ = study.take(5)
    study.complete(a.number, 1.0)
    study.fail(b.number, "diverged in epoch 3")
    study.fail(c.number, "its process ended (signal 9); was it out of memory?")
    new = opened(sweep_of(), "new", "old", count=3)
    assert [trial.state for trial in new.results().trials] == ["complete", "failed"]
    assert not new.results().failures(), "what failed elsewhere is no failure of this sweep"


def test_points_of_a_file_are_tried_first_and_what_they_leave_out_is_drawn(isolated: Path):
    Path("p.csv").write_text("lr,width,val_loss\n0.02,32,\n0.05,,9\n")
    ran = run(opened(sweep_of(), "s", "p.csv", count=12))
    assert ran[0].params == {"lr": 0.02, "width": 32, "num_epochs": 30}
    assert ran[1].params["lr"] == 0.05 and ran[1].params["width"] in (16, 32)
    assert len(ran) == 12
    random = opened(sweep_of("random"), "r", "p.csv", count=3)
    assert [trial.params["lr"] for trial in run(random)][:2] == [0.02, 0.05]
    with pytest.raises(ConfigError, match="no points can be tried first"):
        run(opened(sweep_of(), "late", count=2))
        opened(sweep_of(), "late", "p.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr,widht\n0.01,16\n", "p.csv:1: widht is no parameter of s.yaml. Did you mean 'width'"),
        ("lr,width\n0.01,16\n9,16\n", r"p.csv:3: lr 9.0: 9.0 is not in \[0.001, 0.1\]"),
        ("lr,width\n0.01,17\n", "p.csv:2: width 17: 17 is none of"),
        ("lr,width\nmuch,16\n", "p.csv:2: lr must be a number"),
        ("lr,num_epochs\n0.01,31\n", "p.csv:2: num_epochs 31: it is 30 in every trial"),
        ("lr,width\n,\n", "p.csv:2: the line has no value"),
        ("lr,width\n", "has no points"),
    ],
)
def test_a_file_that_is_no_list_of_points_is_refused_with_its_line(isolated: Path, text: str, said: str):
    Path("p.csv").write_text(text)
    with pytest.raises(ConfigError, match=said):
        opened(sweep_of(), "s", "p.csv")


@pytest.mark.parametrize(
    "drawn",
    [
        distributions.Normal(1.0, 2.0),
        distributions.LogNormal(0.0, 1.0),
        distributions.Quantized(distributions.Uniform(0.0, 1.0), 0.1),
        distributions.Categorical((3, 1, 2), (0.2, 0.5, 0.3)),
    ],
)
def test_a_value_of_a_distribution_that_optuna_does_not_have_is_found_again(drawn: distributions.Distribution):
    from econml_cli.sweeps.spec.space import Space
    from econml_cli.sweeps.study.optuna_axes import axes

    (axis,) = axes(Space((Parameter(("x",), "x", drawn),)), "random")
    for u in (0.05, 0.3, 0.5, 0.77, 0.99):
        value = drawn.quantile(u)
        assert axis.value(axis.find(value)) == pytest.approx(value, rel=1e-9)
    if isinstance(drawn, distributions.Normal):
        assert axis.find(1.0) == pytest.approx(0.5)
    else:
        with pytest.raises(ValueError, match="is none of"):
            axis.find(0.123456 if isinstance(drawn, distributions.Quantized) else -7)


def test_the_command_reuses_trials_and_says_so(econml, isolated: Path):
    text = YAML.format(method="random", most=0.01, widths="[4]", epochs=20, more="name: old")
    Path("old.yaml").write_text(text)
    Path("new.yaml").write_text(text.replace("0.01", "0.1").replace("old", "new"))
    assert econml("sweep", "run", "old.yaml", "--trials", "2", "--quiet").code == 0
    ran = econml("sweep", "run", "new.yaml", "--trials", "2", "--start-from", "old", "--json")
    assert ran.code == 0 and "2 of 2 trials of old are known from the start" in ran.stderr
    document = json.loads(ran.stdout)
    old = [trial for trial in document["trials"] if trial.get("origin")]
    assert [trial["run"] for trial in old] == ["runs/old/0000", "runs/old/0001"]
    assert [Path(trial["run"]).is_dir() for trial in document["trials"]] == [True] * 4
    assert not Path("runs/new/0000").exists() and Path("runs/new/0002").is_dir()
    shown = econml("sweep", "show", "new")
    assert "2 of 2 trials complete, 2 known from another sweep" in shown.stdout and "old/1" in shown.stdout
    edited = econml("sweep", "run", "new.yaml", "--start-from", "p.csv", "--out", "runs/other")
    assert edited.code == 2 and "p.csv cannot be read" in edited.stderr and not Path("runs/other").exists()
    assert read("runs/new/study.journal", None, None).count == 2
