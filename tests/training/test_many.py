"""Many fits in one process: each has the run directory that `econml fit` would have made."""

import json
import shutil

import numpy as np
import pytest

from econml_cli.config.fit_config import build
from econml_cli.errors import CheckpointError
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from econml_cli.training.fit import fit, resume
from econml_cli.training.many import scheduler
from econml_cli.training.many.requests import Request
from econml_cli.training.many.scheduler import Fits
from tests.support.fits import load_model

COMMON = {"N": 60, "N_test": 10, "N_val": 20, "width": 8, "num_epochs": 30}


def config(**options):
    return build("mlp", "linear", [("test", COMMON | options)])


def requests(root, *options, **common):
    return [Request(i, config(**common, **each), root / f"{i:04d}", {"trial": i}) for i, each in enumerate(options)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The fit of a config by itself, made once; to be read."""
    made = {}

    def fitted(some):
        key = some.to_yaml()
        if key not in made:
            made[key] = fit(some, tmp_path_factory.mktemp("alone") / "run")
        return made[key]

    return fitted


def run(fits, until=None):
    """{number: its last event} after advancing."""
    return {event.number: event for event in fits.advance(until)}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["serial", "vmap", "auto"])
def test_each_run_is_complete_and_equal_to_its_own_fit(tmp_path, alone, engine):
    some = requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 5e-3}, {"lr": 1e-2, "width": 4}, batch_size=20)
    with Fits(engine) as fits:
        fits.add(some)
        events = run(fits)
    for request in some:
        own = alone(request.config)
        made = Run(request.directory)
        assert events[request.number].kind == "ended"
        assert sorted(p.name for p in made.path.iterdir()) == sorted(p.name for p in own.run.path.iterdir())
        assert made.config() == own.run.config() and made.status() == "max_epochs"
        assert made.manifest()["sweep"] == {"trial": request.number}
        assert made.manifest()["data"] == own.run.manifest()["data"]
        close = pytest.approx
        for mine, theirs in zip(made.metrics(), own.run.metrics(), strict=True):
            assert mine == {name: close(value, rel=1e-5) for name, value in theirs.items()}
        mine, theirs = made.summary(), own.run.summary()
        for name in ("train_loss", "val_loss", "test_loss", "excess_risk"):
            assert mine[name] == close(theirs[name], rel=1e-4)
        assert list(mine) == list(theirs)
        assert load_model(made)[1] == 30


@pytest.mark.slow
def test_a_run_made_side_by_side_resumes_as_one_made_alone(tmp_path):
    some = requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 5e-3}, batch_size=20)
    with Fits("vmap") as fits:
        fits.add(some)
        run(fits)
    longer = resume(Run(some[1].directory), {"num_epochs": 40})
    whole = fit(config(lr=5e-3, batch_size=20, num_epochs=40), tmp_path / "whole")
    assert longer.summary["epochs"] == 40
    assert longer.summary["val_loss"] == pytest.approx(whole.summary["val_loss"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["serial", "vmap"])
def test_fits_pause_at_an_epoch_go_on_and_can_be_ended_there(tmp_path, alone, engine):
    some = requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 5e-3}, {"lr": 1e-2})
    with Fits(engine) as fits:
        fits.add(some)
        events = run(fits, until=10)
        assert {(e.kind, e.epoch) for e in events.values()} == {("paused", 10)}
        assert events[1].metrics["val_loss"] == Run(some[1].directory).metrics()[-1]["val_loss"]
        pruned = fits.end(1, pruned=True)
        assert (pruned.kind, pruned.summary["stop_reason"], pruned.epoch) == ("ended", "pruned", 10)
        events = run(fits)
    assert sorted(events) == [0, 2] and all(e.summary["epochs"] == 30 for e in events.values())
    assert Run(some[1].directory).status() == "pruned" and len(Run(some[1].directory).metrics()) == 10
    own = alone(some[2].config)
    assert events[2].summary["val_loss"] == pytest.approx(own.summary["val_loss"], rel=1e-4)


@pytest.mark.slow
def test_under_early_stopping_the_val_loss_told_is_the_one_that_would_be_kept(tmp_path):
    some = requests(tmp_path / "many", {"lr": 0.3}, {"lr": 0.2}, patience=29, sigma=1.0)
    with Fits("vmap") as fits:
        fits.add(some)
        events = run(fits, until=20)
        for number, event in events.items():
            seen = [row["val_loss"] for row in Run(some[number].directory).metrics()]
            assert event.metrics["val_loss"] == min(seen) < seen[-1]


@pytest.mark.parametrize("engine", ["serial", "vmap"])
def test_one_that_diverges_or_cannot_be_made_does_not_stop_the_others(tmp_path, engine):
    options = [{"lr": 1e-2}, {"lr": 1e6}, {"lr": 1e-2, "N_val": 0, "patience": 3}, {"lr": 2e-2}]
    some = requests(tmp_path / "many", *options, optimizer="sgd")
    with Fits(engine) as fits:
        fits.add(some)
        events = run(fits)
    assert [events[i].kind for i in range(4)] == ["ended", "ended", "failed", "ended"]
    assert events[1].summary["stop_reason"] == "diverged"
    assert "--patience needs a validation split" in events[2].reason
    assert events[3].summary["stop_reason"] == "max_epochs"


def test_what_a_model_raises_fails_its_own_fits_only(tmp_path, monkeypatch):
    run_unit = scheduler.Single.run

    def broken(self, until):
        if self.fits[0].request.number == 1:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")
        yield from run_unit(self, until)

    monkeypatch.setattr(scheduler.Single, "run", broken)
    some = requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 2e-3}, {"lr": 3e-3})
    with Fits("serial") as fits:
        fits.add(some)
        events = run(fits)
    assert [events[i].kind for i in range(3)] == ["ended", "failed", "ended"]
    assert events[1].reason == "out of memory" and Run(some[1].directory).status() == "failed"


def test_a_full_disk_stops_everything(tmp_path, monkeypatch):
    def full(self, step, sections):
        raise CheckpointError("The checkpoint of epoch 30 could not be saved: the disk is full; free some space.")

    monkeypatch.setattr(checkpoint.CheckpointWriter, "save", full)
    with Fits("serial") as fits, pytest.raises(CheckpointError, match="disk is full"):
        fits.add(requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 2e-3}))
        run(fits)


@pytest.mark.parametrize("engine", ["serial", "vmap"])
def test_a_signal_saves_what_is_under_way_and_the_next_attempt_goes_on_from_there(tmp_path, alone, engine):
    some = requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 5e-3}, batch_size=20)

    def stop():
        files = list((tmp_path / "many").glob("*/metrics.jsonl"))
        return 2 if files and "\n" in files[0].read_text() else None

    with Fits(engine, stop, jobs=1) as fits:
        fits.add(some)
        first = run(fits)
    assert all(event.summary["stop_reason"] == "interrupted" and event.epoch < 30 for event in first.values())
    assert any(event.epoch for event in first.values())
    with Fits(engine) as fits:
        fits.add(some)
        second = run(fits)
    for request in some:
        assert second[request.number].summary["epochs"] == 30
        rows = Run(request.directory).metrics()
        assert [row["epoch"] for row in rows] == list(range(1, 31))
        own = alone(request.config)
        assert second[request.number].summary["val_loss"] == pytest.approx(own.summary["val_loss"], rel=1e-4)


class _Instant(dict):
    """The pace of fits that take hardly any time by themselves."""

    def __contains__(self, shape):
        return True

    def get(self, shape, default=None):
        return 1e-12

    __getitem__ = get


@pytest.mark.slow
def test_auto_goes_back_to_one_after_another_where_side_by_side_is_slower(tmp_path, alone, monkeypatch):
    some = requests(tmp_path / "many", *({"lr": lr} for lr in (1e-3, 2e-3, 3e-3, 4e-3)), num_epochs=100)
    with monkeypatch.context() as patch, Fits("auto") as fits:
        patch.setattr(scheduler, "PAYS", -1.0)
        patch.setattr("econml_cli.training.loop.trainer.CHUNK_SECONDS", 1e-4)
        fits.add(some)
        fits._pace = _Instant()
        events = list(fits.advance())
        assert fits._pays == {scheduler.static(some[0].config): False}
    ended = {event.number: event for event in events if event.kind == "ended"}
    assert sorted(ended) == [0, 1, 2, 3]
    for request in some:
        assert [row["epoch"] for row in Run(request.directory).metrics()] == list(range(1, 101))
        own = alone(request.config)
        assert ended[request.number].summary["train_loss"] == pytest.approx(own.summary["train_loss"], rel=1e-3)


def test_a_run_that_ended_is_made_anew_not_continued(tmp_path):
    some = requests(tmp_path / "many", {"lr": 1e-3})
    ids = []
    for _ in range(2):
        with Fits("serial") as fits:
            fits.add(some)
            assert run(fits)[0].summary["epochs"] == 30
        ids.append(Run(some[0].directory).manifest()["id"])
    assert ids[0] != ids[1]


@pytest.mark.parametrize("engine", ["serial", "vmap"])
def test_a_fit_killed_between_its_last_checkpoint_and_its_summary_only_gets_its_summary(tmp_path, engine):
    some = requests(tmp_path / "many", {"lr": 1e-3}, {"lr": 2e-3})
    with Fits(engine) as fits:
        fits.add(some)
        before = run(fits)
    (some[0].directory / "summary.json").unlink()
    Run(some[0].directory).update_manifest(status="running", process=None)
    with Fits(engine) as fits:
        fits.add(some[:1])
        after = run(fits, until=7)[0]
    assert after.kind == "ended" and after.summary["state_sha256"] == before[0].summary["state_sha256"]
    assert len(Run(some[0].directory).metrics()) == 30


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_read_is_not_continued(tmp_path):
    some = requests(tmp_path / "many", {"lr": 1e-3}, batch_size=20)
    with Fits("serial") as fits:
        fits.add(some)
        run(fits)
    made = Run(some[0].directory)
    made.update_manifest(status="interrupted")
    step = checkpoint.steps(made.checkpoints)[-1]
    shutil.rmtree(made.checkpoints / str(step))
    (made.checkpoints / str(step)).mkdir()
    with Fits("serial") as fits:
        fits.add(some)
        assert run(fits)[0].summary["epochs"] == 30
    assert np.isfinite(json.loads((made.path / "summary.json").read_text())["val_loss"])
