"""The study of a sweep: one process, a journal file."""

import gc
import json
import math
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from econml_cli.errors import ConfigError, RunError
from econml_cli.sweeps.run.open_directory import open_directory
from econml_cli.sweeps.spec import distributions, identity, schema
from econml_cli.sweeps.spec.sample import sample
from econml_cli.sweeps.spec.space import Parameter, Space
from econml_cli.sweeps.study import passwords, pruner
from econml_cli.sweeps.study import storage as storages
from econml_cli.sweeps.study.heartbeat import Heartbeat, Watch
from econml_cli.sweeps.study.history import History
from econml_cli.sweeps.study.passwords import shown
from econml_cli.sweeps.study.storage import cut_torn_line
from econml_cli.sweeps.study.study import Study, read
from econml_cli.sweeps.study.trial_writer import TrialWriter
from econml_cli.sweeps.study.trials import Trial
from tests.support.distributions import in_support

YAML = """
method: {method}
metric: {{name: val_loss, goal: {goal}}}
parameters:
  lr: {{distribution: log_uniform_values, min: 0.0001, max: {most}}}
  width: {{values: [16, 32, 64]}}
  weight_decay: {{distribution: q_uniform, min: 0.0, max: 1.0, q: 0.1}}
  num_epochs: {{value: 81}}
{more}
command: ["${{env}}", econml, fit, mlp, "${{args}}"]
"""
GRID = """
method: grid
metric: {name: val_loss}
parameters:
  width: {values: [16, 32, 64]}
  seed: {distribution: int_uniform, min: 0, max: 3}
command: ["${env}", econml, fit, mlp, "${args}"]
"""


def sweep_of(method: str = "random", *, goal: str = "minimize", most: str = "0.1", more: str = "") -> schema.Sweep:
    text = YAML.format(method=method, goal=goal, most=most, more=more)
    return schema.parse(GRID if method == "grid" else text, Path("s.yaml"))


def open_study(sweep: schema.Sweep, storage: object = "s.journal", **options: Any) -> Study:
    given = {"name": "s", "seed": 7, "count": None, "batch": 4, "alone": True, "worker": "w", **options}
    return Study.open(sweep, str(storage), **given)


def loss(trial: Trial) -> float:
    return (math.log(trial.params["lr"]) + 5) ** 2 + trial.params["width"] / 64


def run(study: Study, n: int = 4, most: int = 10**6, turn: Callable[[list[Trial]], list[Trial]] = list) -> list[Trial]:
    """Take n at a time and complete them; at most `most` trials."""
    done: list[Trial] = []
    while len(done) < most and (taken := study.take(min(n, most - len(done)))):
        for trial in turn(taken):
            assert study.complete(trial.number, loss(trial) if "lr" in trial.params else 1.0)
        done += taken
    return done


def points(trials: list[Trial]) -> list[dict[str, Any]]:
    return [dict(trial.params) for trial in trials]


@pytest.mark.parametrize("n", [1, 4, 100])
def test_random_tries_what_sample_prints(isolated: Path, n: int):
    study = open_study(sweep_of(), count=12)
    assert points(run(study, n)) == sample(sweep_of(), 12, seed=7)
    assert study.done() and study.take(1) == []


@pytest.mark.parametrize("method", ["random", "grid"])
def test_many_trials_are_taken_with_a_few_looks_at_all_of_them(
    isolated: Path, method: str, monkeypatch: pytest.MonkeyPatch
):
    study, looks = open_study(sweep_of(method), count=12), []
    reading = TrialWriter.read
    monkeypatch.setattr(TrialWriter, "read", lambda self: (looks.append(self), reading(self))[1])
    assert points(study.take(12)) == sample(sweep_of(method), 12, seed=7)
    assert len(looks) < 6  # not some for each of the twelve


def test_grid_tries_each_point_once_in_the_order_of_sample(isolated: Path):
    study = open_study(sweep_of("grid"), count=1000)
    assert points(run(study)) == sample(sweep_of("grid"), seed=7)
    assert study.count == 12 and study.done()


def test_a_new_study_counts_run_cap_or_the_grid_or_fifty(isolated: Path):
    assert open_study(sweep_of(), "a").count == 50
    assert open_study(sweep_of("grid"), "b").count == 12
    assert open_study(sweep_of(more="run_cap: 3"), "c").count == 3


def test_count_may_grow_and_shrink(isolated: Path):
    run(open_study(sweep_of(), count=5))
    grown = open_study(sweep_of(), count=8)
    assert [trial.index for trial in run(grown)] == [5, 6, 7]
    assert points(list(grown.results().trials)) == sample(sweep_of(), 8, seed=7)
    shrunk = open_study(sweep_of(), count=6)
    assert shrunk.done() and shrunk.count == 6 and len(shrunk.results().trials) == 8
    assert open_study(sweep_of()).count == 6


def test_a_record_keeps_what_it_was_told(isolated: Path):
    study = open_study(sweep_of(), count=4)
    a, b, c, d = study.take(4)
    study.complete(a.number, 0.5, epochs=81, seconds=1.5, metrics={"test_loss": 0.6}, run="runs/s/0000")
    study.fail(b.number, "it diverged", epochs=3)
    study.prune(c.number, "worse than others at epoch 9")
    study.release(d.number)
    results = study.results()
    assert results == read("s.journal", "s", None) == read("journal://s.journal", None, None)
    assert (results.method, results.metric, results.goal, results.count) == ("random", "val_loss", "minimize", 4)
    assert results.varied == ("lr", "width", "weight_decay")
    one, two, three, four = results.trials
    assert (one.state, one.value, one.epochs, one.seconds) == ("complete", 0.5, 81, 1.5)
    assert (one.metrics, one.run, one.worker) == ({"test_loss": 0.6}, "runs/s/0000", "w")
    assert one.started is not None and one.finished is not None and one.finished.endswith("+00:00")
    assert (two.state, two.reason, two.value, two.epochs) == ("failed", "it diverged", None, 3)
    assert (three.state, three.reason) == ("pruned", "worse than others at epoch 9")
    assert (four.state, four.worker) == ("waiting", None)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_that_is_not_finite_fails(isolated: Path, value: float):
    study = open_study(sweep_of(), count=1)
    study.complete(study.take(1)[0].number, value)
    assert study.results().trials[0].state == "failed"
    assert str(value) in (study.results().trials[0].reason or "")


def test_what_a_dead_process_was_running_is_taken_again_first(isolated: Path):
    dead = open_study(sweep_of(), count=6)
    taken = dead.take(3)
    dead.complete(taken[1].number, 1.0)
    study = open_study(sweep_of())
    assert [t.state for t in study.results().trials] == ["waiting", "complete", "waiting"]
    again = study.take(4)
    assert [(t.number, t.index) for t in again] == [(0, 0), (2, 2), (3, 3), (4, 4)]
    assert points(again[:2]) == points([taken[0], taken[2]])


def test_a_released_trial_is_taken_again_under_its_number(isolated: Path):
    study = open_study(sweep_of(), count=3)
    first = study.take(2)[0]
    study.release(first.number)
    assert [t.number for t in open_study(sweep_of(), alone=False).take(1)] == [first.number]


def test_failed_points_are_tried_again_only_when_asked_for(isolated: Path):
    study = open_study(sweep_of(), count=3)
    for trial in study.take(3):
        study.fail(trial.number, "no luck") if trial.index != 1 else study.complete(trial.number, 1.0)
    assert study.done() and open_study(sweep_of()).done()
    assert study.retry_failed() == 2 and study.retry_failed() == 0 and not study.done()
    again = run(study)
    assert [(t.number, t.index) for t in again] == [(3, 0), (4, 2)]
    assert points(again) == [sample(sweep_of(), 3, seed=7)[i] for i in (0, 2)]
    assert study.done() and study.retry_failed() == 0
    # and the points behind them have not moved
    assert points(run(open_study(sweep_of(), count=5))) == sample(sweep_of(), 5, seed=7)[3:]


def test_bayes_begins_with_points_spread_over_the_space_and_then_learns(isolated: Path):
    trials = run(open_study(sweep_of("bayes"), count=28))
    share = [math.log(trial.params["lr"] / 1e-4) / math.log(1e3) for trial in trials[:8]]
    assert sorted(int(8 * u) for u in share) == list(range(8))  # one in each eighth of the range
    early, late = (sorted(map(loss, part))[len(part) // 2] for part in (trials[:8], trials[16:]))
    assert late < early / 4


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "random"])
def test_other_samplers_can_be_asked_for_and_are_kept(isolated: Path, sampler: str):
    tried = points(run(open_study(sweep_of("bayes"), "a", count=14, sampler=sampler)))
    whole = points(run(open_study(sweep_of("bayes"), "b", count=18, sampler=sampler)))
    assert tried + points(run(open_study(sweep_of("bayes"), "a", count=18))) == whole  # still that one
    assert len({str(point) for point in whole}) == 18
    if sampler == "random":
        assert whole == sample(sweep_of("bayes"), 18, seed=7)
    with pytest.raises(ConfigError, match=f"sampler: {sampler} -> gp"):
        open_study(sweep_of("bayes"), "a", sampler="gp")


def test_a_bayes_study_of_0_1_goes_on_with_the_batches_of_today(isolated: Path):
    run(open_study(sweep_of("bayes"), count=3))
    text = Path("s.journal").read_text().replace(',"sampler":"gp"', "").replace('"batch":4', '"batch":8')
    Path("s.journal").write_text(text)
    assert "gp" not in text and len(run(open_study(sweep_of("bayes"), count=10))) == 7


@pytest.mark.parametrize("alone", [True, False])
def test_a_proposal_can_be_made_again_from_what_is_kept_with_it(isolated: Path, alone: bool):
    study = open_study(sweep_of("bayes"), count=18, alone=alone)
    other = study if alone else open_study(sweep_of("bayes"), alone=False, worker="other")
    for one in (study, other) * 20:  # two workers whose trials overlap
        for trial in one.take(2):
            if trial.index % 5:
                one.complete(trial.number, loss(trial))
            elif alone or trial.index % 10:
                one.fail(trial.number, "no luck")
    assignments = study._writer.read()
    learned = [entry for entry in assignments.entries if entry.index >= 8]
    assert len(learned) > 4
    for entry in learned:
        history = History.again(assignments, entry.trial.user_attrs["history"])
        assert study._proposer.propose(entry.index, history).point == entry.trial.user_attrs["point"]


def failed_points(study: Study, count: int, limit: float) -> float:
    """The share of failures among the later half of trials, where every lr above the limit fails."""
    failures = []
    while taken := study.take(4):
        for trial in taken:
            failures.append(trial.params["lr"] > limit)
            if failures[-1]:
                study.fail(trial.number, "diverged")
            else:
                study.complete(trial.number, loss(trial))
    assert len(failures) == count
    return sum(failures[count // 2 :]) / (count - count // 2)


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_bayes_learns_from_failures_where_to_stay_away_from(isolated: Path, sampler: str):
    # with lr log-uniform on [1e-4, 1e-1], 56 % of the space fails; the loss falls towards the failures
    limit = 10 ** (-4 + 3 * 0.44)
    study = open_study(sweep_of("bayes"), count=32, sampler=sampler)
    assert failed_points(study, 32, limit) < {"gp": 0.4, "tpe": 0.5}[sampler]


def test_a_failed_trial_counts_as_the_metric_says(isolated: Path):
    study = open_study(sweep_of(more=HYPERBAND), count=5)
    a, b, c, d, e = study.take(5)
    study.complete(a.number, 3.0)
    study.complete(b.number, 7.0)
    study.fail(c.number, "diverged", seen={"best": 1.0, "latest": 9.0})
    for epoch, value in ((3, 5.0), (9, 6.0)):
        study.report(d.number, epoch, value)
    study.fail(d.number, "diverged")
    study.report(e.number, 3, 4.0)
    history = History.read(study._writer.read(), 99, None)

    def values(*arguments: Any) -> list[float]:
        return [value for _, value in history.losses(*arguments).points]

    assert values("minimize", "worst", None) == [3, 7, 7, 7]
    assert values("minimize", "best", None) == [3, 7, 1, 5]
    assert values("minimize", "latest", None) == [3, 7, 9, 6]
    assert values("maximize", "worst", None) == [-3, -7, -3, -3]
    assert values("minimize", "worst", "worst") == [3, 7, 7, 7, 7]
    assert values("minimize", "worst", "latest") == [3, 7, 7, 7, 4]
    assert len(history.losses("minimize", "worst", None).waiting) == 1
    assert history.text() == {"known": "0-3", "pending": "4"}


def test_bayes_depends_on_the_seed_alone_and_not_on_the_order_in_which_a_batch_ends(isolated: Path):
    one = run(open_study(sweep_of("bayes"), "a", count=26))
    other = run(open_study(sweep_of("bayes"), "b", count=26), turn=lambda taken: taken[::-1])
    by_two = run(open_study(sweep_of("bayes"), "c", count=26), n=2)
    assert points(one) == points(other) == points(by_two)
    assert points(one) != points(run(open_study(sweep_of("bayes"), "d", count=26, seed=8)))


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_kill_changes_none_of_the_following_points(isolated: Path, method: str):
    whole = run(open_study(sweep_of(method), "whole", count=26))
    study = open_study(sweep_of(method), "cut", count=26)
    for done in (3, 1, 7, 5):  # killed with trials in hand, in the middle of batches
        run(study, n=3, most=done)
        study.take(2)
        study = open_study(sweep_of(method), "cut")
    run(study)
    assert points(list(study.results().trials)) == points(whole)


def kills(path: Path) -> Iterator[bytes]:
    """The journal as a kill would have left it after each of its writes, and in the middle of some."""
    text = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(text) if byte == ord("\n")]
    yield from (text[:end] for end in ends)
    yield from (text[: end + 7] for end in ends[:-1:9])


@pytest.mark.slow
def test_a_journal_cut_at_any_write_goes_on_to_the_same_trials(isolated: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("econml_cli.sweeps.study.proposals.STARTUP", 2)  # the third is the first that is learned
    whole = run(open_study(sweep_of("bayes"), count=5))
    for left in kills(Path("s.journal")):
        Path("cut").write_bytes(left)
        study = open_study(sweep_of("bayes"), "cut", count=5)
        run(study)
        assert points(list(study.results().trials)) == points(whole)
        assert [t.state for t in study.results().trials] == ["complete"] * 5


def test_stale_locks_of_a_killed_process_hold_nobody_up(isolated: Path):
    open_study(sweep_of(), count=2)
    Path("s.journal.lock").touch()
    assert len(open_study(sweep_of()).take(2)) == 2  # Optuna's lock alone would wait for 30 s


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 9000])
def test_cutting_a_torn_line_leaves_whole_ones(tmp_path: Path, size: int):
    for head in (b"", b"one\n", b"one\n" * 3000):
        path = tmp_path / "journal"
        path.write_bytes(head + b"x" * size)
        cut_torn_line(path)
        assert path.read_bytes() == head


def test_a_damaged_journal_answers_in_one_sentence(isolated: Path):
    open_study(sweep_of(), count=2).take(1)
    lines = Path("s.journal").read_bytes().splitlines(keepends=True)
    for damage in (b'{"op_code":\n', b"{}\n", b"\xff\xfe\n"):
        Path("s.journal").write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
        for use in (lambda: open_study(sweep_of()), lambda: read("s.journal", None, None)):
            with pytest.raises(RunError, match="journal is damaged"):
                use()


def test_a_deleted_journal_is_not_begun_anew(isolated: Path):
    study = open_study(sweep_of(), count=2)
    Path("s.journal").unlink()
    with pytest.raises(RunError, match="is gone"):
        study.take(1)
    assert not Path("s.journal").exists() and not Path("s.journal.lock").is_symlink()


def test_a_full_disk_answers_in_one_sentence(isolated: Path, monkeypatch: pytest.MonkeyPatch):
    study = open_study(sweep_of(), count=2)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        study.take(1)


def test_an_edited_sweep_is_refused_with_every_difference(isolated: Path):
    open_study(sweep_of())
    with pytest.raises(ConfigError) as refused:
        open_study(sweep_of(most="0.2", goal="maximize"), seed=8)
    for words in ("parameters.lr.max: 0.1 -> 0.2", "metric.goal: minimize -> maximize", "seed: 7 -> 8", "--study"):
        assert words in str(refused.value)
    with pytest.raises(ConfigError, match=r"early_terminate: none -> \{"):
        open_study(sweep_of(more="early_terminate: {type: hyperband, min_iter: 3}"))
    with pytest.raises(ConfigError, match="batch: 4 -> 5"):
        open_study(sweep_of("bayes"), "b") and open_study(sweep_of("bayes"), "b", batch=5)
    assert open_study(sweep_of(), batch=5)  # on which random does not depend


def test_a_grid_is_refused_when_its_parameters_have_changed_places(isolated: Path):
    open_study(sweep_of("grid"))
    width, seed = "  width: {values: [16, 32, 64]}\n", "  seed: {distribution: int_uniform, min: 0, max: 3}\n"
    turned = schema.parse(GRID.replace(width + seed, seed + width), Path("s.yaml"))
    with pytest.raises(ConfigError, match="order of parameters: width, seed -> seed, width"):
        open_study(turned)


def test_a_line_torn_by_another_worker_is_cut_before_the_next_is_written(isolated: Path):
    one, two = (open_study(sweep_of(), alone=False, worker=name, count=3) for name in "ab")
    first = one.take(1)[0]
    with Path("s.journal").open("ab") as file:
        file.write(b'{"op_code":5,"worker_id":"killed in mid-wri')
    second = two.take(1)[0]
    assert one.complete(first.number, 1.0) and two.complete(second.number, 2.0)
    assert one.results() == two.results() == open_study(sweep_of(), alone=False).results()
    assert [t.value for t in one.results().trials] == [1.0, 2.0]


def test_two_studies_share_a_storage_without_meeting(isolated: Path):
    a, b = open_study(sweep_of(), name="a", count=3), open_study(sweep_of("grid"), name="b", count=3)
    run(a), run(b)
    assert points(list(a.results().trials)) == sample(sweep_of(), 3, seed=7)
    assert points(list(b.results().trials)) == sample(sweep_of("grid"), 3, seed=7)
    with pytest.raises(RunError, match=r"several \(a, b\)"):
        read("s.journal", None, None)
    with pytest.raises(RunError, match="no study 'c'; it has a, b"):
        read("s.journal", "c", None)


@pytest.mark.parametrize("storage", ["none.journal", "sqlite:///none.db"])
def test_reading_makes_nothing(isolated: Path, storage: str):
    with pytest.raises(RunError, match="There is no study in none"):
        read(storage, None, None)
    assert list(isolated.iterdir()) == []


@pytest.mark.slow
@pytest.mark.slow
def test_connections_to_a_database_are_closed_with_its_storage_and_where_it_cannot_be_used(server):
    """psycopg warns of those that are collected open, in whatever runs then."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        opened = storages.connect(server.create(), alone=False)
        assert opened.get_all_studies() == []
        del opened
        with pytest.raises(RunError, match="cannot be used"):
            storages.connect_to_read(server.create())  # it has no tables
        gc.collect()
    assert [str(one.message) for one in told if issubclass(one.category, ResourceWarning)] == []


def test_sqlite_keeps_a_study_too(isolated: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("econml_cli.sweeps.study.proposals.STARTUP", 4)
    study = open_study(sweep_of("bayes"), "sqlite:///s.db", count=8)
    trials = run(study)
    assert points(trials) == points(run(open_study(sweep_of("bayes"), "s.journal", count=8)))
    assert read("sqlite:///s.db", "s", None) == study.results()
    Path("empty.db").touch()
    with pytest.raises(RunError, match=r"sqlite:///empty.db"):
        read("sqlite:///empty.db", None, None)


def test_custom_is_refused(isolated: Path):
    with pytest.raises(ConfigError, match="method custom"):
        open_study(schema.parse("{method: custom, parameters: {a: {values: [1, 2]}}}", Path("s.yaml")))


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("postgresql://me:se@cr/et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?user=me&password=***"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("runs/s/study.journal", "runs/s/study.journal"),
        ("runs/me@home/a:b@c.journal", "runs/me@home/a:b@c.journal"),
        ("postgresql:/me:secret@host/db", "postgresql:/me:***@host/db"),
        ("postgresql://host/db?user=me&PassWD=secret", "postgresql://host/db?user=me&PassWD=***"),
    ],
)
def test_passwords_are_not_shown(url: str, safe: str):
    assert shown(url) == safe
    kept = passwords.without_password(url)
    assert "se" not in kept.partition("://")[2].partition("host")[0] and "secret" not in kept and "***" not in kept
    line = ["sweep", "run", "s.yaml", f"--storage={url}", "--storage", url, "--fix", "expr=a=b"]
    assert passwords.masked(line) == ["sweep", "run", "s.yaml", f"--storage={kept}", "--storage", kept, *line[-2:]]
    assert bool(passwords.advice(line)) is (url != kept)


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@host/db", "postgresql://host/db?user=me&password=hunter2"])
def test_no_password_is_in_the_directory_of_a_sweep(isolated: Path, url: str):
    Path("s.yaml").write_text(GRID)
    open_directory(sweep_of("grid"), Path("swept"), 0, url, None, None, "econml sweep run s.yaml")
    written = {path.name: path.read_text() for path in Path("swept").rglob("*") if path.is_file()}
    assert "hunter2" not in "".join(written.values()) and "postgresql://" in written["sweep.json"]


@pytest.mark.parametrize(
    "storage",
    [
        "postgresql://me:hunter2@host:99:hunter2@127.0.0.1/db",  # the library says what is no number
        "postgresql://me:hunter2@127.0.0.1:port/db",
        "postgresql://me:hunter2@[::1/db",
        "postgresql:/me:hunter2@127.0.0.1/db",  # once the name of a file
        "grpc://me:hunter2@nowhere",
    ],
)
def test_no_part_of_a_password_is_told_of_an_address_that_is_none(isolated: Path, storage: str, econml):
    Path("s.yaml").write_text(GRID)
    ran = econml("sweep", "run", "s.yaml", "--storage", storage, "--quiet")
    assert ran.code == 1 and "Unexpected" not in ran.stderr and "hunter2" not in ran.stderr
    with pytest.raises(RunError) as refused:
        open_study(sweep_of(), storage)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))  # what --debug shows
    assert [path.name for path in isolated.iterdir() if "hunter" in path.name] == []


@pytest.mark.parametrize("storage", ["grpc://nowhere", "nonsense://x", "mysql://me:secret@127.0.0.1:1/db"])
def test_a_storage_that_cannot_be_answers_in_one_sentence(isolated: Path, storage: str):
    with pytest.raises(RunError) as refused:
        open_study(sweep_of(), storage)
    assert shown(storage) in str(refused.value) or "pip install" in str(refused.value)
    assert "\n" not in str(refused.value) and "secret" not in str(refused.value)


HYPERBAND = "early_terminate: {type: hyperband, min_iter: 3, eta: 3}"


def test_rungs_lie_below_the_longest_fit():
    assert pruner.rungs(sweep_of()) == ()
    assert pruner.rungs(sweep_of(more=HYPERBAND)) == (3, 9, 27)
    assert pruner.rungs(sweep_of(more="early_terminate: {type: hyperband, max_iter: 81, s: 2}")) == (9, 27)
    default = sweep_of(more=HYPERBAND).target
    assert default is not None and pruner.longest(sweep_of("grid")) == 2000  # the trainer's own
    with pytest.raises(ConfigError, match="eta"):
        pruner.rungs(sweep_of(more="early_terminate: {type: hyperband, min_iter: 3, eta: 2.5}"))


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_hyperband_stops_the_worse_and_lets_the_best_end(isolated: Path, goal: str):
    def fits(storage: str) -> dict[int, tuple[str, int]]:
        sweep, ends = sweep_of(more=HYPERBAND, goal=goal), {}
        study = open_study(sweep, storage, count=40)
        while taken := study.take(1):
            trial, value = taken[0], float((taken[0].index * 17) % 40)
            ends[trial.index] = ("complete", 81)
            for epoch in pruner.rungs(sweep):
                if study.report(trial.number, epoch, value):
                    study.prune(trial.number, f"stopped at epoch {epoch}", epochs=epoch)
                    ends[trial.index] = ("pruned", epoch)
                    break
            else:
                study.complete(trial.number, value, epochs=81)
        assert {t.index: (t.state, t.epochs) for t in study.results().trials} == ends
        assert all(t.value == (t.index * 17) % 40 for t in study.results().trials)
        return ends

    ends = fits("a")
    best = 0 if goal == "minimize" else next(i for i in range(40) if i * 17 % 40 == 39)
    assert ends[best] == ("complete", 81)
    assert 10 < sum(state == "pruned" for state, _ in ends.values()) < 40
    assert ends == fits("b")


def test_without_early_terminate_nothing_is_pruned(isolated: Path):
    study = open_study(sweep_of(), count=10)
    assert not any(study.report(trial.number, 3, trial.index) for trial in study.take(10))


DISTRIBUTIONS = st.one_of(
    st.builds(
        distributions.Categorical, st.lists(st.sampled_from([1, 2.5, "a", True, None, [1]]), min_size=1).map(tuple)
    ),
    st.just(distributions.Categorical(("a", "b"), (0.25, 0.75))),
    st.builds(lambda a, n: distributions.IntUniform(a, a + n), st.integers(-(2**60), 2**60), st.integers(0, 1000)),
    st.builds(lambda a, b: distributions.Uniform(min(a, b), max(a, b)), *[st.floats(-1e308, 1e308)] * 2),
    st.builds(lambda a, b: distributions.LogUniform(min(a, b), max(a, b)), *[st.floats(1e-300, 1e300)] * 2),
    st.builds(distributions.Normal, st.floats(-10, 10), st.floats(0.1, 10)),
    st.builds(distributions.LogNormal, st.floats(-10, 10), st.floats(0.1, 10)),
    st.builds(distributions.Beta, st.floats(0.1, 10), st.floats(0.1, 10)),
    st.builds(lambda q: distributions.Quantized(distributions.Uniform(0, 10), q), st.sampled_from([1, 2, 0.1])),
)


@pytest.mark.slow
@example([distributions.IntUniform(0, 0)], "bayes")
@given(st.lists(DISTRIBUTIONS, min_size=1, max_size=4), st.sampled_from(["random", "bayes"]))
def test_whatever_is_taken_lies_in_the_support_of_its_distribution(
    tmp_path_factory: Any, some: list[distributions.Distribution], method: str
):
    space = Space(tuple(Parameter((f"p{i}",), "d", one) for i, one in enumerate(some)))
    free = schema.Sweep(Path("s"), "s", method, space, None, (), None, None, None, None, ())
    study = open_study(free, tmp_path_factory.mktemp("some") / "s", count=14, batch=2)
    while taken := study.take(2):
        for trial in taken:
            for parameter in space.parameters:
                assert in_support(parameter.distribution, trial.params[parameter.name]), parameter
            study.complete(trial.number, trial.index / 7)
    assert study.done()


def test_what_optuna_knows_of_a_random_point_is_the_point(isolated: Path):
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    from econml_cli.sweeps.study.optuna_axes import axes

    run(open_study(sweep_of(), count=9))
    known = optuna.load_study(study_name="s", storage=JournalStorage(JournalFileBackend("s.journal"))).trials
    for trial, point in zip(known, sample(sweep_of(), 9, seed=7), strict=True):
        for axis in axes(sweep_of().space, "random"):
            assert axis.value(trial.params[axis.name]) == point[axis.name]


def test_a_long_grid_is_read_only_as_far_as_it_is_asked_for(isolated: Path):
    text = GRID.replace("max: 3", "max: 3000000")
    study = open_study(schema.parse(text, Path("s.yaml")), count=None)
    assert study.count == 9_000_003
    assert points(study.take(3)) == sample(schema.parse(text, Path("s.yaml")), 3, seed=7)


def test_a_pulse_is_seldom_written():
    now, written = [0.0], []
    pulse = Heartbeat(written.append, grace=8, clock=lambda: now[0])
    for i in range(41):
        now[0] = i / 4
        pulse.beat()
    assert written == [1, 2, 3, 4, 5, 6]


def test_a_worker_is_dead_when_its_pulse_stands_still():
    now = [0.0]
    watch = Watch(grace=5, clock=lambda: now[0])
    story = [(0, 1), (4, 2), (8, 2), (10, 2), (20, 3), (26, 3)]
    seen = []
    for now[0], pulse in story:
        seen.append(watch.dead("a", {"a": pulse}))
    assert seen == [False, False, False, True, False, True]


def test_a_definition_survives_json():
    defined = identity.define(sweep_of("bayes"), 1, 4)
    assert json.loads(json.dumps(defined)) == defined
    assert defined["parameters"]["weight_decay"] == {"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.1}


def test_the_module_imports_no_optuna_until_it_is_used(isolated: Path):
    code = "import sys, econml_cli.sweeps.study.study; sys.exit('optuna' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = (
        "import sys; from econml_cli.sweeps.study import storage; storage.connect('x', alone=True); "
        "sys.exit(any(m in sys.modules for m in ('sqlalchemy', 'alembic', 'grpc', 'pandas', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
