"""A worker of a study as a process of its own: a fork of one that has imported everything already."""

import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any

from econml_cli.sweeps.spec import schema
from econml_cli.sweeps.study.study import Study

#: what a worker imports when it opens its study, in a journal or on PostgreSQL
HEAVY = [
    "econml_cli.models.registry", "econml_cli.sweeps.study.proposals", "econml_cli.sweeps.study.study",
    "optuna.samplers",
    "optuna.storages.journal", "optuna.storages._rdb.models", "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.orm", "psycopg", "alembic.command", "alembic.migration",
]  # fmt: skip
#: seconds after which a lock is broken that a killed worker has left; Optuna's own are 30
LOCKED = 6


def worker(name: str, *words: Any) -> tuple[Any, Any]:
    """(the process, where it says [number, index] of each trial that it begins); `words` are those of `_try_all`.

    What it says on stderr is in NAME.stderr.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=_try_all, args=(said, name, *words), name=name)
    process.start()
    said.close()
    return process, heard


def _try_all(
    said: Any, name: str, text: str, storage: str, count: int, grace: float, seconds: float, hang: int
) -> None:
    """Complete trials of a study until it is done, `seconds` each; hang in the `hang`-th, if any."""
    from optuna.storages.journal import JournalFileOpenLock

    os.dup2(os.open(f"{name}.stderr", os.O_CREAT | os.O_WRONLY), 2)
    JournalFileOpenLock.__init__.__defaults__ = (LOCKED,)
    options: dict[str, Any] = {"name": "s", "seed": 7, "batch": 4, "alone": False}
    sweep = schema.parse(text, Path("s.yaml"))
    study = Study.open(sweep, storage, count=count, worker=name, grace=grace, **options)

    def live() -> None:
        while True:
            study.beat()
            time.sleep(grace / 8)

    threading.Thread(target=live, daemon=True).start()
    taken = 0
    while not study.done():
        for trial in study.take(1):
            taken += 1
            said.send([trial.number, trial.index])
            time.sleep(3600 if taken == hang else seconds)
            study.complete(trial.number, float(trial.index), run=name)
        time.sleep(0.02)
