"""The source of what an export runs on: real code, copied out, that imports nothing of ours.

`numpy_*.py` and `torch_*.py` hold one module a file under the names of ours; `assemble.py` puts the files that a model
needs into one `model.py`. An import of another template becomes its text.
"""
