"""A W&B sweep YAML: read, checked, its space and distributions, drawn from, and written."""
