"""`econml inspect model`: a model before it is fitted, from shapes alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.inspection.untrained import describe_model
from econml_cli.models.registry import MODELS
from econml_cli.problems import registry
from econml_cli.problems.economies.table import ECONOMIES


def test_an_untrained_model_has_the_views_of_a_checkpoint_without_numbers(econml):
    ran = econml("inspect", "model", "mlp", "--width", "4", "--depth", "1")
    assert ran.code == 0, ran.stderr
    assert ran.stdout.startswith("mlp for linear: not fitted, shapes only\n") and "width=4, depth=1" in ran.stdout
    for part in ("\ngraphdef\nMLP  activation=relu, depth=1  17 parameters\n", "\nstate\n", "kernel  Param  [2,4]"):
        assert part in ran.stdout
    assert "mean" not in ran.stdout and "17 in 4 arrays, 68 B" in ran.stdout


def test_json_agrees_with_the_text_and_says_what_training_needs(econml):
    document = json.loads(econml("inspect", "model", "mlp", "--width", "4", "--depth=1", "--json").stdout)
    assert list(document) == ["summary", "graphdef", "state"]
    summary = document["summary"]
    assert summary["parameters"] == {"arrays": 4, "count": 17, "bytes": 68} and summary["training_bytes"] == 4 * 68
    assert (summary["din"], summary["dout"], summary["n_train"], summary["observation"]) == (2, 1, 500, [2])
    assert all(row["mean"] is None for row in document["state"]) and document["graphdef"]["params"] == 17


def test_shapes_are_those_of_the_problem_unless_they_are_given(econml):
    def kernel(*args):
        document = json.loads(econml("inspect", "model", "linear", "--view", "state", "--json", *args).stdout)
        return next(row for row in document["state"] if row["path"] == "linear.kernel")

    assert kernel()["shape"] == [2, 1] and kernel("--M", "7")["shape"] == [7, 1]
    assert kernel("--din", "5", "--dout", "3")["shape"] == [5, 3]
    assert kernel("--precision", "float64")["dtype"] == "float64"


def test_a_table_gives_the_shapes_of_its_columns(econml, isolated):
    Path("t.csv").write_text("y,a,b,c\n" + "".join(f"{i % 7},{i},{i * i % 5},{i % 3}\n" for i in range(60)))
    ran = econml("inspect", "model", "linear", "--data", "t.csv", "--target", "y", "--view", "summary", "--json")
    assert json.loads(ran.stdout)["summary"]["din"] == 3, ran.stderr


def test_a_config_file_gives_options_that_flags_override(econml, isolated):
    Path("run.yaml").write_text("model: mlp\nproblem: linear\nwidth: 4\ndepth: 1\nlr: 0.5\n")
    ran = econml("inspect", "model", "--config", "run.yaml", "--depth", "2", "--view", "graphdef")
    assert ran.stdout.startswith("MLP  activation=relu, depth=2  37 parameters")


@pytest.mark.parametrize("problem", list(ECONOMIES))
def test_a_model_is_described_for_every_economic_model(problem):
    """Most of them draw nothing when they are made: their constructors take no rngs."""
    report = describe_model(build(registry.get(problem).model, problem, []), views=("summary",))
    assert report.summary["problem"] == problem and report.summary["parameters"]["count"] > 0


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_is_described_without_weights(name):
    config = build(name, MODELS[name].problem or "linear", [])
    report = describe_model(config, views=("summary", "graphdef", "state", "split", "table"))
    document = report.to_json()
    json.dumps(document)
    assert all(leaf.values is None for leaf in report.leaves) and document["table"][0]["path"] == ""
    assert document["table"][0]["params"] == report.summary["parameters"]["count"] > 0


def test_the_switch_table_takes_no_value_from_the_name_after_it(econml):
    ran = econml("inspect", "model", "--table", "linear")
    assert ran.code == 0 and "(all)" in ran.stdout and "Linear" in ran.stdout and "linear3" not in ran.stdout
    both = econml("inspect", "model", "linear", "--table", "--view", "summary").stdout
    assert both.index("not fitted") < both.index("(all)")


def test_path_and_html_work_without_weights(econml, isolated):
    ran = econml("inspect", "model", "mlp", "--path", "linear2/*", "--view", "state", "--html", "m.html")
    assert "linear2" in ran.stdout and "linear1" not in ran.stdout
    assert "linear2.kernel" in Path("m.html").read_text() and "m.html written" in ran.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("mpl",), "Did you mean 'mlp'"),
        (("mlp", "--widht", "3"), "Did you mean '--width'"),
        (("linear", "--width", "3"), "--width is an option of model"),
        (("mlp", "--din", "0"), "--din must be an integer >= 1"),
        (("mlp", "--view", "grad"), "--view must be one of"),
        (("mlp", "--path", "liner1"), "Did you mean 'linear1'"),
        (("mlp", "--lr", "0.1"), "There is no option --lr"),
    ],
)
def test_what_is_wrong_is_one_sentence(econml, args, says):
    ran = econml("inspect", "model", *args)
    assert (ran.code, ran.stdout) == (2, "") and says in ran.stderr and ran.stderr.count("\n") == 1


def test_a_constructor_that_refuses_is_a_usage_error():
    with pytest.raises(ConfigError, match="depth"):
        describe_model(build("mlp", "linear", [("test", {"width": "4,5", "depth": "3"})]))


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_nothing_is_cut_or_wider_than_the_terminal(econml, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    for args in ((), ("--view", "split"), ("--table",)):
        out = econml("inspect", "model", "deep_set", *args).stdout
        assert out and "…" not in out and max(map(len, out.splitlines())) <= int(columns), args


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_ten_billion_parameters_are_described_in_under_400_mb_without_pandas_matplotlib_or_orbax(isolated):
    code = (
        "import sys\nfrom pathlib import Path\nfrom econml_cli.cli import main\n"
        "sys.argv = 'econml inspect model mlp --width 100000 --depth 2 --table --view state --json'.split()\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "heavy = [m for m in ('pandas', 'matplotlib', 'orbax', 'wandb') if m in sys.modules]\n"
        # of this process image; getrusage would begin with what the process that started it has used
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "peak = next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "print(f'{peak} kB, {heavy}', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    document, peak = json.loads(done.stdout), done.stderr.rpartition("\n")[0].rpartition("\n")[2]
    assert document["table"][0]["params"] == 10_000_500_001 == sum(row["count"] for row in document["state"])
    assert document["table"][0]["flops"] == pytest.approx(2 * (2e5 + 1e10 + 1e5) + 4e5 + 1, rel=1e-6)
    assert int(peak.split()[0]) < 400_000 and peak.endswith("[]"), peak
