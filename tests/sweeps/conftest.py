"""Places for studies that several workers can share."""

import os
from pathlib import Path

import pytest

from tests.support import SESSION, postgres


@pytest.fixture
def server() -> postgres.Server:
    """The PostgreSQL server of this run of the tests."""
    if why := postgres.missing():
        pytest.skip(why)
    return postgres.shared(Path(os.environ[SESSION]))


@pytest.fixture(params=["journal", pytest.param("postgresql", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, isolated: Path) -> str:
    """A place of the test's own for a study."""
    if request.param == "journal":
        return str(isolated / "shared.journal")
    server: postgres.Server = request.getfixturevalue("server")
    return server.create()
