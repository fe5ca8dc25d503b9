"""What the tests of several parts use: runs fitted once, commands run in this process, servers, browsers."""

from pathlib import Path

#: the repository
ROOT = Path(__file__).parents[2]
#: the variable that names a directory of this run of the tests, which all its workers know
SESSION = "TESTS_SESSION"
