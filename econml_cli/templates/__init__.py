"""The first file of a model and of a problem of one's own: `econml inspect models --template` prints mymodel.py.

They are run as they are by the tests, and copied out whole; nothing imports them.
"""
