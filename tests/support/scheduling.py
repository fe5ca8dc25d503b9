"""Which tests go to which worker of pytest-xdist."""

from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling

#: files whose tests share nothing: each test is a unit of its own
INDEPENDENT = ("tests/docs/test_pages.py", "tests/docs/test_figures.py")


class FilesTogether(LoadScopeScheduling):
    """The tests of a file stay in one worker, which then has what they share: fitted runs, compiled programs."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(INDEPENDENT) else file


def scheduler(config: Any, log: Any) -> FilesTogether | None:
    """What hands out the tests; None for another `--dist` than ours."""
    return FilesTogether(config, log) if config.getvalue("dist") == "loadscope" else None
