"""Several processes on one study: in a journal file, and on a PostgreSQL server of the tests' own."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from econml_cli.errors import RunError
from econml_cli.sweeps.spec import schema
from econml_cli.sweeps.spec.sample import sample
from econml_cli.sweeps.study.study import Study, read
from econml_cli.sweeps.study.trials import Results, Trial
from tests.support import postgres
from tests.support.study_worker import worker
from tests.support.waiting import wait_until

YAML = """
method: {method}
metric: {{name: val_loss}}
parameters:
  lr: {{distribution: log_uniform_values, min: 0.0001, max: 0.1}}
  width: {{values: [16, 32, 64]}}
  num_epochs: {{value: 30}}
command: ["${{env}}", econml, fit, mlp, "${{args}}"]
"""
GRID = """
method: grid
metric: {name: val_loss}
parameters:
  width: {values: [16, 32, 64]}
  seed: {distribution: int_uniform, min: 0, max: 4}
command: ["${env}", econml, fit, mlp, "${args}"]
"""


def sweep_of(method: str) -> schema.Sweep:
    return schema.parse(text_of(method), Path("s.yaml"))


def text_of(method: str) -> str:
    return GRID if method == "grid" else YAML.format(method=method)


def open_study(method: str, storage: str, **options: Any) -> Study:
    given = {"name": "s", "seed": 7, "count": None, "batch": 4, "alone": False, "worker": "w", **options}
    return Study.open(sweep_of(method), storage, **given)


Start = Callable[..., Any]


@pytest.fixture
def start(isolated: Path) -> Iterator[Start]:
    """Start a worker process, which does not outlive the test: (process, where it says what it begins)."""
    started: list[Any] = []

    def begin(
        method: str, storage: str, count: int, name: str, grace: float = 60, seconds: float = 0.01, hang: int = 0
    ) -> Any:
        started.append(worker(name, text_of(method), storage, count, grace, seconds, hang))
        return started[-1]

    yield begin
    for process, _ in started:
        process.kill()
        process.join()


def end(*workers: Any) -> None:
    for process, _ in workers:
        process.join(timeout=100)
        stderr = Path(f"{process.name}.stderr").read_text()
        assert process.exitcode == 0 and stderr == "", stderr


def failed(study: Study) -> int:
    """How many trials have failed."""
    return sum(t.state == "failed" for t in study.results().trials)


def settled(results: Results) -> list[Trial]:
    """The complete trials by index."""
    return sorted((t for t in results.trials if t.state == "complete"), key=lambda t: t.index)


@pytest.mark.parametrize(("method", "count"), [("random", 15), ("grid", 15), ("bayes", 15)])
def test_workers_that_start_at_once_try_every_point_once(storage: str, start: Start, method: str, count: int):
    end(*[start(method, storage, count, name) for name in "abc"])
    results = read(storage, "s", None)
    assert [t.index for t in settled(results)] == list(range(count))
    assert Counter(t.state for t in results.trials) == {"complete": count}
    assert len({t.worker for t in results.trials}) > 1
    assert all(t.run == t.worker and t.value == t.index for t in results.trials)
    if method != "bayes":
        assert [dict(t.params) for t in settled(results)] == sample(sweep_of(method), count, seed=7)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "bayes"])
def test_trials_of_a_worker_killed_in_mid_trial_are_tried_by_the_others(storage: str, start: Start, method: str):
    victim = start(method, storage, 14, "victim", grace=2, hang=2)
    process, heard = victim
    begun = [heard.recv() for _ in range(2)]
    others = [start(method, storage, 14, name, grace=2) for name in "ab"]
    process.kill()
    end(*others)
    results = read(storage, "s", None)
    assert [t.index for t in settled(results)] == list(range(14))
    lost = [t for t in results.trials if t.state == "failed"]
    assert [(t.number, t.index) for t in lost] == [tuple(begun[1])]
    assert (lost[0].worker, lost[0].reason) == ("victim", "its worker was killed")
    again = settled(results)[lost[0].index]
    assert again.number > lost[0].number and again.params == lost[0].params and again.worker in ("a", "b")
    if method == "random":
        assert [dict(t.params) for t in settled(results)] == sample(sweep_of(method), 14, seed=7)


@pytest.mark.slow
def test_workers_killed_at_random_moments_lose_no_point(storage: str, start: Start):
    """At any instant. One killed while it writes to a journal leaves a lock that the others break after `LOCKED` s."""
    for i in range(3):
        pair = [start("random", storage, 30, f"doomed{i}{j}", grace=3, seconds=(0.02, 0.05)[j]) for j in range(2)]
        for doomed, heard in pair:
            assert heard.recv()
            time.sleep(i * 0.0137)
            doomed.kill()
    end(*[start("random", storage, 30, name, grace=3) for name in "ab"])
    results = read(storage, "s", None)
    last = {t.index: t for t in sorted(results.trials, key=lambda t: t.number)}
    assert [dict(last[i].params) for i in sorted(last)] == sample(sweep_of("random"), 30, seed=7)
    # while they wait for such a lock the living cannot say that they live, so a point may be given up, but not silently
    assert all(t.state == "complete" or "was killed 3 times" in (t.reason or "") for t in last.values())
    assert len({t.number for t in results.trials}) == len(results.trials)


def test_a_worker_taken_for_dead_cannot_end_its_trial(storage: str):
    slow = open_study("random", storage, count=1, grace=0.5, worker="slow")
    other = open_study("random", storage, grace=0.5, worker="other")
    trial = slow.take(1)[0]
    assert other.take(1) == [] and not other.done()
    found: list[Trial] = []
    wait_until(lambda: found.extend(other.take(1)) or found)
    (again,) = found
    assert (again.number, again.index, again.params) == (1, 0, trial.params)
    assert slow.complete(trial.number, 1.0) is False
    assert other.complete(again.number, 2.0) is True
    slow.release(trial.number)
    assert [(t.state, t.value) for t in other.results().trials] == [("failed", None), ("complete", 2.0)]


def lose(storage: str, name: str, *epochs: int, count: int = 1) -> None:
    """A worker takes a trial, says how far it has come, and is never heard of again; another one sees that."""
    victim = open_study("random", storage, count=count, grace=0.3, worker=name)
    (trial,) = victim.take(1)
    for epoch in epochs:
        victim.note(trial.number, epoch)
    watcher = open_study("random", storage, grace=0.3)
    before = failed(watcher)
    assert not watcher.done()
    wait_until(lambda: watcher.done() or failed(watcher) > before)


def test_a_point_that_kills_its_workers_is_given_up(isolated: Path):
    storage = str(isolated / "s.journal")
    for i in range(3):
        lose(storage, f"w{i}", 0)
        watcher = open_study("random", storage, grace=0.3)
        assert watcher.done() is (i == 2) and failed(watcher) == i + 1
    assert watcher.take(1) == []
    reasons = [t.reason for t in watcher.results().trials]
    assert reasons[:2] == ["its worker was killed"] * 2
    assert (reasons[2] or "").startswith("its worker was killed 3 times")
    assert watcher.retry_failed() == 1 and len(watcher.take(1)) == 1


@pytest.mark.slow
def test_a_point_that_had_not_begun_or_that_comes_further_each_time_is_not_given_up(isolated: Path):
    """A trial that waits in a batch whose worker dies of another one, and one on a partition that preempts its jobs."""
    storage = str(isolated / "s.journal")
    for i in range(4):
        lose(storage, f"waiting{i}")
    for i in range(12):
        lose(storage, f"preempted{i}", 0, 10 * (i + 1))
    watcher = open_study("random", storage, grace=0.3)
    assert not watcher.done() and watcher.lost(0) == list(range(15, -1, -1))
    for i in range(2):
        lose(storage, f"stuck{i}", 0)
    assert open_study("random", storage, grace=0.3).done()


def test_a_living_worker_keeps_its_trial_however_long_it_takes(storage: str):
    slow = open_study("random", storage, count=1, grace=1.2, worker="slow")
    other = open_study("random", storage, grace=1.2, worker="other")
    trial = slow.take(1)[0]
    for _ in range(15):
        slow.beat()
        time.sleep(0.1)
        assert other.take(1) == []
    assert slow.complete(trial.number, 1.0) and other.done()


def test_surplus_trials_of_races_are_hidden_and_their_points_tried_once(storage: str, monkeypatch: pytest.MonkeyPatch):
    """The two see the same assignments, so both make the last trial; then both make the retry of a lost one."""
    one, two = (open_study("random", storage, count=3, worker=name, grace=60) for name in ("one", "two"))
    one.take(2)
    stale = two._assignments()
    assert [t.index for t in one.take(1)] == [2]
    with monkeypatch.context() as patch:
        books = iter([stale])
        patch.setattr(two, "_assignments", lambda: next(books, None) or Study._assignments(two))
        assert two.take(1) == []
    assert [t.index for t in two.results().trials] == [0, 1, 2]
    # and when there are to be more points, those that were surplus are tried
    more = open_study("random", storage, count=5, grace=60)
    taken = more.take(5)
    assert [t.index for t in taken] == [3, 4]
    assert [dict(t.params) for t in taken] == sample(sweep_of("random"), 5, seed=7)[3:]


def test_two_that_retry_the_same_point_end_with_one_trial_of_it(isolated: Path, monkeypatch: pytest.MonkeyPatch):
    storage = str(isolated / "s.journal")
    one, two, dead = (open_study("random", storage, count=1, worker=n, grace=0.3) for n in ("one", "two", "dead"))
    dead.take(1)
    assert one.take(1) == two.take(1) == []
    time.sleep(0.4)
    stale = two._assignments()
    assert [t.number for t in one.take(1)] == [1]
    books = iter([stale])
    monkeypatch.setattr(two, "_assignments", lambda: next(books, None) or two._writer.read())
    assert two.take(1) == []
    assert [t.number for t in two.results().trials] == [0, 1]
    one.complete(1, 1.0)
    assert two.done()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("wrong password", "password authentication failed"),
        ("no database", 'database "nowhere" does not exist'),
        ("no server", "refused"),
    ],
)
def test_what_is_wrong_with_a_server_is_said_in_one_sentence(server: postgres.Server, url: str, words: str):
    address = {
        "wrong password": server.url(password="swordfish"),
        "no database": server.url("nowhere"),
        "no server": "postgresql://me:swordfish@127.0.0.1:1/db",
    }[url]
    for use in (lambda: open_study("random", address), lambda: read(address, None, None)):
        with pytest.raises(RunError) as refused:
            use()
        message = str(refused.value)
        assert words in message and "***" in message and "\n" not in message
        assert "swordfish" not in message and postgres.PASSWORD not in message


def test_an_empty_database_has_no_study_and_is_left_empty(server: postgres.Server):
    address = server.create()
    for _ in range(2):
        with pytest.raises(RunError):
            read(address, None, None)


@pytest.mark.slow
def test_a_server_that_stops_answers_in_one_sentence(isolated: Path):
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.serve() as short:
        study = open_study("random", short.url(), count=2)
        assert len(study.take(1)) == 1
    with pytest.raises(RunError, match="cannot be used"):
        study.take(1)
    with pytest.raises(RunError, match="cannot be used"):
        study.complete(0, 1.0)
