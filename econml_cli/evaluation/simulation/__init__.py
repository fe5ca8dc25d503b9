"""Series of an economic model under a fitted policy, as numbers and as a figure."""
