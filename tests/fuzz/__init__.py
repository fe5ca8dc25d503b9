"""Files as a careless or malicious hand may leave them, and commands that read them: `python -m tests.fuzz`."""
