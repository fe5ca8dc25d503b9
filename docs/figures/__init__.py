"""The figures and tables of the docs, one module each: `numbers()` computes what is shown, the rest shows it.

A module has QUICK (whether its numbers take seconds, so that CI can compute them again), `numbers()`, which gives JSON
values, and `draw(numbers)`, a Matplotlib figure, or `table(numbers)`, Markdown for the page PAGE, or both; and, where a
check is to compare only a part of the numbers, `comparable(numbers)`.
"""
