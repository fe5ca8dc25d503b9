"""From a file to the numbers a model reads: read, formula, columns, design, target, split; each one step."""
