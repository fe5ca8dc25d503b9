"""The tests of econml, a folder for each part of the package; what several of them use is in `tests.support`."""
