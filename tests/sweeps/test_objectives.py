"""`metrics:`, several to be good at once, and the Pareto front of a sweep."""

import itertools
import json
import random
import re
from pathlib import Path

import pytest

from econml_cli.errors import ConfigError
from econml_cli.sweeps.show import page
from econml_cli.sweeps.show.importance import analyse
from econml_cli.sweeps.spec import schema
from econml_cli.sweeps.study.history import History, Losses, together
from econml_cli.sweeps.study.study import Study
from econml_cli.sweeps.study.trials import Results, Trial
from tests.support.browser import dumped

YAML = """
name: two
method: {method}
metrics: [{{name: val_loss, goal: minimize}}, {{name: num_params, goal: minimize}}]
parameters:
  lr: {{min: 0.001, max: 0.1}}
  width: {{values: [2, 4, 8]}}
  num_epochs: {{value: 20}}
command: ["${{env}}", econml, fit, mlp, "${{args}}"]
"""
#: any program's, with a parameter on [-3, 3]
PLANE = """
program: mine.py
method: bayes
metrics: [{name: near, goal: maximize}, {name: far, goal: minimize}]
parameters: {x: {min: -3.0, max: 3.0}}
"""


def results_of(rows: list[tuple[float, float]], goals=("minimize", "maximize")) -> Results:
    trials = tuple(
        Trial(i, i, "complete", {"x": float(i)}, a, metrics={"b": b}, epochs=1, seconds=1.0)
        for i, (a, b) in enumerate(rows)
    )  # fmt: skip
    failed = Trial(len(rows), len(rows), "failed", {"x": 0.5}, reason="it fell")
    objectives = (("a", goals[0]), ("b", goals[1]))
    return Results("two", "bayes", "a", goals[0], ("x",), len(rows) + 1, (*trials, failed), objectives=objectives)


def test_the_front_is_that_of_the_definition():
    draw = random.Random(3)
    for _ in range(30):
        rows = [(draw.randrange(6), draw.randrange(6)) for _ in range(12)]
        found = results_of(rows)
        better = {
            i for i, j in itertools.permutations(range(12), 2)
            if rows[j][0] <= rows[i][0] and rows[j][1] >= rows[i][1] and rows[i] != rows[j]
        }  # fmt: skip
        assert {trial.number for trial in found.front()} == set(range(12)) - better
        ranked = [trial.number for trial in found.ranked()]
        assert set(ranked[: len(found.front())]) == set(range(12)) - better and len(ranked) == 12
        assert found.best().value == min(a for a, _ in rows)


def test_the_front_of_one_metric_is_none():
    trial = Trial(0, 0, "complete", {}, 1.0)
    assert Results("s", "grid", "a", "minimize", (), 1, (trial,)).front() == ()


def test_weights_choose_a_point_of_the_front():
    each = [
        Losses([({"x": i}, value) for i, value in enumerate(values)], []) for values in ([0, 5, 10, 9], [10, 5, 0, 9])
    ]
    least = {w: min(together(each, (w, 1 - w)).points, key=lambda p: p[1])[0]["x"] for w in (0.05, 0.5, 0.95)}
    assert least == {0.05: 2, 0.5: 1, 0.95: 0}
    # in shares of each metric's range, so that units do not matter
    millions = Losses([(params, 1e6 * value) for params, value in each[1].points], [])
    assert together(each, (0.3, 0.7)).points == together([each[0], millions], (0.3, 0.7)).points


def test_bayes_spreads_its_proposals_over_the_front_and_a_replay_is_exact(isolated: Path):
    sweep = schema.parse(PLANE, Path("s.yaml"))
    study = Study.open(sweep, "s.journal", name="s", seed=2, count=28, batch=4, alone=True, worker="w")
    xs = []
    while taken := study.take(4):
        for trial in taken:
            x = trial.params["x"]
            xs.append(x)
            if trial.index == 5:
                study.fail(trial.number, "no luck")
            else:
                # the front is [0, 1], a sixth of the range
                study.complete(trial.number, -(x**2), (x - 1) ** 2, metrics={"near": -(x**2), "far": (x - 1) ** 2})
    inside = [x for x in xs[12:] if -0.02 <= x <= 1.02]
    assert len(inside) >= 12 and max(inside) - min(inside) > 0.4
    assignments = study._writer.read()
    for entry in assignments.entries[8:]:
        history = History.again(assignments, entry.trial.user_attrs["history"])
        assert study._proposer.propose(entry.index, history).point == entry.trial.user_attrs["point"]
    found = study.results()
    assert found.objectives == (("near", "maximize"), ("far", "minimize"))
    assert {t.number for t in found.front()} >= {
        t.number for t in found.trials if 0 <= t.params["x"] <= 1 and t.value is not None
    }
    with pytest.raises(ConfigError, match="was begun as another sweep"):
        one = schema.parse(PLANE.replace("metrics: [{name: near, goal: maximize}, {name: far, goal: minimize}]",
                                         "metric: {name: near, goal: maximize}"), Path("s.yaml"))  # fmt: skip
        Study.open(one, "s.journal", name="s", seed=2, count=28, batch=4, alone=True, worker="w")


@pytest.mark.slow
def test_a_sweep_of_two_metrics_has_a_front_in_text_json_and_csv(econml, isolated: Path):
    Path("s.yaml").write_text(YAML.format(method="random"))
    ran = econml("sweep", "run", "s.yaml", "--trials", "5", "--keep", "best", "--json")
    assert ran.code == 0, ran.stderr
    document = json.loads(ran.stdout)
    values = {t["number"]: (t["value"], t["metrics"]["num_params"]) for t in document["trials"]}
    front = [
        n for n, (a, b) in values.items() if not any(c <= a and d <= b and (c, d) != (a, b) for c, d in values.values())
    ]
    assert sorted(document["front"]) == sorted(front) and document["sweep"]["objectives"][1] == [
        "num_params",
        "minimize",
    ]
    kept = {int(path.parent.name) for path in Path("runs/two").glob("*/checkpoints")}
    assert kept == set(front), "--keep keeps the front"
    shown = econml("sweep", "show", "two").stdout
    assert "two: random, minimize val_loss and num_params" in shown and "Pareto front (*)" in shown
    assert len(re.findall(r"^\*", shown, re.M)) == len(front)
    header = econml("sweep", "show", "two", "--format", "csv").stdout.splitlines()[0].split(",")
    assert header.count("num_params") == 1


def test_a_metric_that_a_fit_does_not_have_fails_its_trial(econml, isolated: Path):
    Path("s.yaml").write_text(YAML.format(method="random").replace("num_params", "weights"))
    ran = econml("sweep", "run", "s.yaml", "--trials", "1")
    assert ran.code == 4 and "it has no metric 'weights' (it has train_loss, val_loss" in ran.stderr


def test_the_page_draws_the_front(tmp_path: Path):
    results = results_of([(1.0, 1.0), (2.0, 5.0), (3.0, 4.0), (0.5, 0.2), (9.0, 9.0)])
    text = page.render(results, analyse(results))
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    document = dumped(path.as_uri(), tmp_path)
    figure = document.partition('<figure id="pareto">')[2].partition("</figure>")[0]
    assert figure.count('class="point best"') == 4 and figure.count('class="point"') == 1
    assert "4 of 5" in figure and "maximize b" in figure and "NaN" not in figure
    assert 'id="pareto" hidden' in text and "data-errors" not in document.partition("<head")[0]


def test_a_program_may_have_several_metrics_on_its_lines(econml, isolated: Path):
    Path("mine.py").write_text(
        "import json, sys\nx = float(sys.argv[1].partition('=')[2])\nfor step in (2.0, 1.0):\n"
        "    print(json.dumps({'near': -step * x * x, 'far': step * (x - 1) ** 2, 'step': step}))\n"
    )
    Path("s.yaml").write_text(PLANE.replace("method: bayes", "name: plane\nmethod: random"))
    ran = econml("sweep", "run", "s.yaml", "--source", "mine.py", "--trials", "3", "--json")
    assert ran.code == 0, ran.stderr
    for trial in json.loads(ran.stdout)["trials"]:
        x = trial["params"]["x"]
        assert trial["value"] == pytest.approx(-x * x)
        assert trial["metrics"] == {"near": trial["value"], "far": pytest.approx((x - 1) ** 2)}
