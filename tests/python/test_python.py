"""`import econml_cli`: fits and runs from Python and from a notebook, by the numbers of the command line."""

import base64
import json
import re
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import econml_cli
import econml_cli.python.api
from econml_cli.output import html
from tests.support.wages import wages
from tests.support.waiting import wait_until

SMALL = {"N": 40, "N_val": 20, "N_test": 20, "num_epochs": 4, "width": (4, 4)}
ECONOMY = {"problem": "brock_mirman", "N": 32, "N_val": 0, "N_test": 32, "num_epochs": 2, "width": 4}


def flags(options):
    """The same options as words of a command line."""
    words = {name: ",".join(map(str, v)) if isinstance(v, tuple) else str(v) for name, v in options.items()}
    return [f"--{name.replace('_', '-')}={value}" for name, value in words.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with runs: `first` on the lecture's problem, `table` on a DataFrame."""
    here = tmp_path_factory.mktemp("python")
    econml_cli.fit("mlp", out=here / "first", **SMALL)
    econml_cli.fit("linear", data=wages(), target="wage", solver="lstsq", out=here / "table")
    return here


def test_importing_the_package_imports_nothing_heavy_and_lists_what_it_offers():
    code = (
        "import sys, econml_cli, econml_cli.python.api\n"
        "heavy = {'jax', 'flax', 'optax', 'orbax', 'pandas', 'numpy', 'matplotlib', 'typer', 'rich', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), dir(econml_cli).count('fit'), econml_cli.load.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[] 1 load\n", done.stderr


@pytest.mark.slow
def test_runs_are_found_and_listed_without_jax(made):
    code = (
        f"import sys, econml_cli\nruns = econml_cli.runs_in({str(made)!r})\n"
        "shown = runs._repr_html_(), runs[0]._repr_html_(), repr(runs[0]), runs[0].summary\n"
        "print(len(runs), sorted({'jax', 'flax', 'pandas', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "2 []\n", done.stderr


def test_every_name_that_is_offered_is_there_and_others_are_not():
    for name in econml_cli.__all__:
        assert getattr(econml_cli, name) is not None
    assert {*econml_cli.__all__} <= {*dir(econml_cli)}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        econml_cli.nothing  # noqa: B018


def test_a_fit_has_the_numbers_of_the_command_line_to_the_bit(econml, capfd):
    run = econml_cli.fit("mlp", name="here", lr=3e-3, **SMALL)
    assert capfd.readouterr() == ("", "")
    assert econml("fit", "mlp", "--name=shell", "--lr=3e-3", *flags(SMALL)).code == 0
    shell = econml_cli.load("shell")
    assert run.path == Path("runs/here")
    assert run.summary["state_sha256"] == shell.summary["state_sha256"]
    assert run.config == shell.config
    assert (run.path / "config.yaml").read_text() == (shell.path / "config.yaml").read_text()
    assert run.run.manifest()["command"].startswith("econml_cli.fit('mlp', lr=0.003, N=40")
    assert json.loads(econml("eval", "here", "--json").stdout) == run.evaluate().to_dict()


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (None, {}),
        ("deep_set", {}),
        (None, {"problem": "brock_mirman", "width": (8, 4)}),
        ("mlp", {"problem": "growth", "optimizer": "lm"}),
        (None, {"data": "wages.csv", "target": "wage", "features": "educ,exper"}),
        ("linear", {"data": "wages.csv", "formula": "log(wage) ~ educ", "phi": "polynomial:degree=2"}),
    ],
)
def test_model_problem_and_options_are_resolved_as_by_the_command_line(model, options, econml):
    printed = econml("fit", *([model] if model else []), *flags(options), "--print-config").stdout
    config = econml_cli.python.api.resolve(model, **options)
    assert config.to_yaml() == printed
    Path("saved.yaml").write_text(printed)
    for saved in ("saved.yaml", config, config.to_dict()):
        again = econml_cli.python.api.resolve(config=saved, seed=7)
        assert again == config.replace_trainer(seed=7)


def test_variables_of_the_environment_are_no_options(monkeypatch):
    monkeypatch.setenv("ECONML_NUM_EPOCHS", "9")
    monkeypatch.setenv("ECONML_RUNS_DIR", "elsewhere")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = econml_cli.fit("mlp", **SMALL)
    assert (run.config.trainer.num_epochs, run.path.parent) == (4, Path("runs"))
    assert not (run.path / "wandb").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_epoch": 3}, "There is no option num_epoch for mlp on linear. Did you mean 'num_epochs'?"),
        ({"lr": -1}, "lr must be a number > 0, got -1."),
        ({"num_epochs": "x", "no_bias": 1}, "There is no option no_bias for mlp on linear."),
        ({"degree": 3}, "degree is an option of model polynomial, not of mlp on linear."),
        ({"quiet": True}, "quiet is an option of the command"),
        ({"problem": "liner"}, "Did you mean 'linear'?"),
        ({"problem": dict}, "given by name"),
        ({"data": 3}, "path or a pandas DataFrame, got int"),
        ({"retries": 1, "members": 2}, "leave one out"),
        ({"data": "a.csv", "target": "y", "folds": 3}, "call econml_cli.cross_validate"),
        ({"config": "none.yaml"}, "no such file"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(options, said):
    with pytest.raises(econml_cli.ConfigError) as error:
        econml_cli.fit("mlp", **options)
    assert said in str(error.value)
    assert "--" not in re.sub("`.*`", "", str(error.value))  # what is for a shell stays
    assert not Path("runs").exists()


def test_a_run_that_is_there_is_replaced_with_force_only(made):
    with pytest.raises(econml_cli.RunError, match="exists"):
        econml_cli.fit("mlp", out=made / "first", **SMALL)
    econml_cli.fit("mlp", name="again", **SMALL)
    assert econml_cli.fit("mlp", name="again", force=True, seed=1, **SMALL).config.trainer.seed == 1
    with pytest.raises(econml_cli.RunError, match="Did you mean 'again'"):
        econml_cli.load("agian")


def test_a_fit_that_diverges_warns_at_the_line_that_asked_for_it():
    with pytest.warns(econml_cli.FitWarning, match=r"diverged.*smaller lr") as told:
        run = econml_cli.fit("linear", lr=1e30, optimizer="sgd", num_epochs=30, name="lost")
    assert Path(told[0].filename) == Path(__file__)
    assert run.status == "diverged"
    assert run.failed == str(told[0].message)
    assert escape(run.failed) in run._repr_html_()
    with warnings.catch_warnings(), pytest.raises(econml_cli.FitWarning):
        warnings.simplefilter("error", econml_cli.FitWarning)
        econml_cli.fit("linear", lr=1e30, optimizer="sgd", num_epochs=30, name="lost", force=True)


@pytest.mark.slow
def test_a_verdict_that_failed_is_warned_of_when_fitted_and_when_evaluated():
    with pytest.warns(econml_cli.FitWarning, match="FAILED: .*Try another seed"):
        run = econml_cli.fit(**ECONOMY)
    assert repr(run).endswith(", FAILED: loss, truth, stability)")
    with pytest.warns(econml_cli.FitWarning, match="FAILED"):
        found = run.evaluate(bootstrap=0)
    assert 'font-weight: bold">FAILED: ' in found._repr_html_()
    assert "FAILED" in repr(found)
    with pytest.raises(econml_cli.ConfigError, match="den_haan_marcet=True"):
        run.evaluate(periods=10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::econml_cli.runs.health.FitWarning")
def test_an_economy_is_simulated_as_by_the_command(econml):
    run = econml_cli.fit(**ECONOMY, name="savings")
    series = run.simulate(periods=3, paths=2)
    assert econml("simulate", "savings", "--periods=3", "--paths=2", "--out=series.csv").code == 0
    there = pd.read_csv("series.csv")
    assert list(series.columns) == list(there.columns)
    np.testing.assert_allclose(series, there, rtol=1e-6)


def test_the_model_is_split_into_graphdef_and_state_as_in_the_lecture(made):
    import jax.numpy as jnp
    from flax import nnx

    run = econml_cli.load(made / "first")
    assert run.model is run.model
    x = jnp.ones((2, 2))
    np.testing.assert_array_equal(nnx.merge(run.graphdef, run.state)(x), run.model(x))
    assert run.state["linear1"]["kernel"].shape == (2, 4)


def test_float64_is_of_the_fit_alone():
    import jax.numpy as jnp

    run = econml_cli.fit("linear", solver="lstsq", precision="float64", N=40, N_test=20, N_val=20)
    kernel = run.model.linear.kernel[...]
    assert kernel.dtype == np.float64
    assert jnp.ones(1).dtype == jnp.float32
    with run.precision():
        assert run.model(jnp.ones((1, 2))).dtype == jnp.float64
    assert jnp.ones(1).dtype == jnp.float32
    drawn = run.predict()
    train = drawn[drawn.split == "train"]
    design = np.column_stack([np.ones(len(train)), train.x1, train.x2])
    exact = np.linalg.lstsq(design, train.y, rcond=None)[0]
    np.testing.assert_allclose(np.asarray(kernel)[:, 0], exact[1:], rtol=1e-10)


def test_a_dataframe_is_kept_beside_the_runs_and_the_fit_can_be_repeated(made, econml):
    run = econml_cli.load(made / "table")
    kept = Path(run.config.problem_options.data)
    assert kept.parent == made / "data"
    pd.testing.assert_frame_equal(pd.read_parquet(kept), wages())
    before = kept.stat().st_mtime_ns
    again = econml_cli.fit("linear", data=wages().set_index(np.arange(60) + 7), target="wage", out=made / "more",
                           solver="lstsq")  # fmt: skip
    assert again.config.problem_options.data == str(kept)
    assert kept.stat().st_mtime_ns == before
    assert econml("fit", "--config", run.path / "config.yaml", "--name=repeated").code == 0
    assert econml_cli.load("repeated").summary["state_sha256"] == run.summary["state_sha256"]


def test_predictions_for_a_dataframe_are_those_of_the_command_and_keep_its_index(made, econml):
    frame = wages(30).drop(columns="wage").set_index(pd.Index([f"p{i}" for i in range(30)], name="person"))
    frame.loc["p3", "educ"] = np.nan
    frame.to_csv("new.csv", index=False)
    run = econml_cli.load(made / "table")
    found = run.predict(frame, missing="drop")
    assert econml("predict", run.path, "--data=new.csv", "--missing=drop", "--out=hat.csv").code == 0
    np.testing.assert_allclose(found.yhat, pd.read_csv("hat.csv").yhat, rtol=1e-6)
    assert found.index.name == "person"
    assert "p3" not in found.index
    pd.testing.assert_frame_equal(found[["educ", "city"]], frame.drop("p3"))
    assert run.evaluate(wages(), bootstrap=0).estimates["data_r2"].value > 0.9


def test_what_is_wrong_with_a_dataframe_is_said_of_the_dataframe(made):
    run = econml_cli.load(made / "table")
    with pytest.raises(econml_cli.DataError, match=r"^(The|the) DataFrame has no column 'educ'"):
        run.predict(wages().drop(columns="educ"))
    with pytest.raises(econml_cli.DataError, match="cannot be written as Parquet"):
        run.predict(pd.DataFrame({"educ": [1, "a", {}], "city": ["a", "b", "a"]}))
    with pytest.raises(econml_cli.DataError, match="no rows"):
        econml_cli.fit("linear", data=wages().head(0), target="wage")
    with pytest.raises(econml_cli.DataError, match=r"^the DataFrame has no column 'z'"):
        econml_cli.fit("linear", data=wages(), target="z")
    with pytest.raises(econml_cli.ConfigError, match="reads no file"):
        econml_cli.load(made / "first").predict(wages())


def test_a_resumed_run_is_the_longer_run_and_forgets_the_shorter_ones_model():
    whole = econml_cli.fit("mlp", name="whole", **{**SMALL, "num_epochs": 8})
    run = econml_cli.fit("mlp", name="part", **SMALL)
    before = np.asarray(run.model.linear1.kernel[...])
    longer = run.resume(num_epochs=8)
    assert longer == run
    assert longer.summary["state_sha256"] == whole.summary["state_sha256"]
    assert not np.array_equal(before, run.model.linear1.kernel[...])
    assert list(run.metrics.epoch) == list(range(1, 9))
    with pytest.raises(econml_cli.ConfigError, match=r"^num_epochs must be"):
        run.resume(num_epochs=0)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT is a KeyboardInterrupt, also where this process was started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_leaves_a_run_that_can_be_resumed_and_is_raised(ctrl_c):
    handler, main = signal.getsignal(signal.SIGINT), threading.main_thread().ident
    begun = Path("runs/part/metrics.jsonl").absolute()
    whole = econml_cli.fit("mlp", name="whole", **{**SMALL, "num_epochs": 300})

    def interrupt():
        wait_until(lambda: begun.exists() and begun.stat().st_size)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as raised:
        econml_cli.fit("mlp", name="part", **{**SMALL, "num_epochs": 2_000_000})
    run = econml_cli.load("part")
    assert run.status == "interrupted"
    assert re.search(r"Saved after epoch .*econml_cli.load\('runs/part'\).resume\(\)", raised.value.__notes__[0])
    assert signal.getsignal(signal.SIGINT) is handler
    assert run.summary["epochs"] >= 1
    assert np.isfinite(run.summary["train_loss"])
    assert whole.status == "max_epochs"


@pytest.mark.slow
def test_an_interrupted_fit_goes_on_to_the_numbers_of_one_that_was_not(monkeypatch):
    from econml_cli.python import interruptible

    whole = econml_cli.fit("mlp", name="whole", **SMALL)
    waited = interruptible._await

    def first_interrupted(future):
        monkeypatch.setattr(interruptible, "_await", waited)
        raise KeyboardInterrupt

    monkeypatch.setattr(interruptible, "_await", first_interrupted)
    with pytest.raises(KeyboardInterrupt):
        econml_cli.fit("mlp", name="part", **SMALL)
    run = econml_cli.load("part")
    assert run.status == "interrupted"
    assert run.resume().summary["state_sha256"] == whole.summary["state_sha256"]


def test_what_a_fit_raises_in_its_thread_is_raised_here():
    with pytest.raises(econml_cli.DataError, match=r"gone\.csv does not exist"):
        econml_cli.fit("linear", data="gone.csv", target="y")


def test_progress_is_shown_on_stderr_if_it_is_asked_for(capfd):
    econml_cli.fit("mlp", progress=True, **SMALL)
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"\repoch 4 of 4  train \d\.\d+e[-+]\d+  val .*\n$", err)


@pytest.mark.slow
def test_an_ensemble_has_members_that_are_models():
    run = econml_cli.fit("mlp", members=3, **SMALL)
    assert [one.run.member for one in run.members] == [0, 1, 2]
    with pytest.raises(econml_cli.ConfigError, match=r"take one: run.members\[0\]"):
        run.model  # noqa: B018
    assert run.members[1].model is not None
    assert {"yhat", "sd", "lo", "hi"} <= {*run.predict().columns}
    assert run.members[2].evaluate(bootstrap=0).member == 2
    assert run.members[0].members == (run.members[0],)
    with pytest.raises(econml_cli.ConfigError, match="resume the whole ensemble"):
        run.members[0].resume()
    assert run.failed is None
    (run.path / "summary.json").write_text(json.dumps({**run.summary, "diverged": 1}))
    assert run.failed.startswith(f"1 of the 3 members of {run.name} diverged")


@pytest.mark.slow
def test_views_exports_and_figures_are_those_of_the_commands(made, econml):
    run = econml_cli.load(made / "first")
    shown = run.inspect("state")
    assert repr(shown) == econml("inspect", "checkpoint", run.path, "--view=state").stdout.rstrip()
    assert "linear1.weight" in repr(run.inspect("torch", path="linear1"))
    with pytest.raises(econml_cli.ConfigError, match="Did you mean 'state'"):
        run.inspect("stat")
    assert run.export("numpy", "exported").max_rel < 1e-5
    figure = run.plot()
    assert len(figure.axes) == 3
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert econml_cli.save_figure(run.plot(width="single"), "a.pdf").read_bytes().startswith(b"%PDF")
    shown = run._repr_html_()  # the table, then the learning curves on white
    assert shown.index("</table>") < shown.index('<img src="data:image/svg+xml;base64,') and "by epoch" in shown
    drawn = base64.b64decode(shown.partition("base64,")[2].partition('"')[0]).decode()
    assert "system-ui" in drawn and "train loss" in drawn and shown == run._repr_html_()


def test_runs_of_a_directory_are_listed_and_found(made):
    runs = econml_cli.runs_in(made)
    assert runs["first"] == econml_cli.load("first", runs_dir=made)
    assert runs[0].path == made / "first"
    assert len(runs) == len(list(runs)) == len(runs.frame()) == len(runs[:1]) + len(runs[1:])
    with pytest.raises(KeyError):
        runs["nothing"]
    assert repr(econml_cli.runs_in("nowhere")) == "Runs(none)"


def test_everything_that_a_notebook_shows_is_escaped():
    evil = "<script>alert(1)</script>"
    run = econml_cli.fit("linear", name="<b>&", **{k: v for k, v in SMALL.items() if k != "width"})
    for shown in (run._repr_html_(), econml_cli.runs_in()._repr_html_(), run.inspect("summary")._repr_html_()):
        assert "<b>&<" not in shown
        assert "&lt;b&gt;&amp;" in shown
    assert "&lt;b&gt;&amp;" in run.evaluate(bootstrap=0)._repr_html_()
    assert evil not in html.table((evil, evil), [(evil, evil)], evil)
    (run.path / "manifest.json").write_text(evil)
    assert "damaged" in econml_cli.runs_in()._repr_html_()
    assert "cannot be read" in run._repr_html_()
    assert "cannot be read" in repr(run)


def test_a_run_fits_a_line(made):
    run = econml_cli.load(made / "first")
    assert re.fullmatch(r"FittedRun\('.*first': mlp on linear, max_epochs, test_loss [\d.e-]+\)", repr(run))
    assert "\n" not in repr(run.evaluate(bootstrap=0))


def test_a_sweep_is_a_frame_of_its_trials_and_the_same_call_goes_on_with_it(isolated):
    parameters = {"lr": {"min": 0.001, "max": np.float64(0.1)}, "seed": {"values": (1, 2), "probabilities": [0.5, 0.5]}}
    small = {name: {"value": 4 if name == "width" else value} for name, value in SMALL.items()}
    document = {
        "name": "from python",
        "method": "random",
        "metric": {"name": "val_loss"},
        "parameters": parameters | small,
        "command": ["econml", "fit", "mlp", "--problem=linear", "${args}"],
    }
    first = econml_cli.sweep(document, trials=1, jobs=1)
    trials = econml_cli.sweep(document, trials=2, jobs=1)
    assert list(trials.val_loss) == sorted(trials.val_loss) and set(trials.state) == {"complete"}
    assert first.loc[0, "val_loss"] in set(trials.val_loss) and trials.attrs["best"] == trials.number[0]
    seeds = [econml_cli.load(f"{trials.run[0]}/seed{seed}").summary["val_loss"] for seed in (1, 2)]
    assert trials.val_loss[0] == pytest.approx(np.mean(seeds)) and trials.attrs["directory"] == "runs/from-python"
    with pytest.raises(econml_cli.ConfigError, match="needs a `name`"):
        econml_cli.sweep({"method": "random"})
