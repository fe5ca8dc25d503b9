"""A replication package of fitted runs: what a data editor asks for, in one zip. Imports nothing heavy."""
