"""The programs of a package, copied out whole; they import nothing of ours, and are run as they are by the tests."""
