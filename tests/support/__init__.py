"""What the tests of several parts use: runs fitted once, commands run in this process, servers, browsers."""

from pathlib import Path

#: the repository
ROOT = Path(__file__).parents[2]
