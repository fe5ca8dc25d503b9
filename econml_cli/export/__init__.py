"""A fitted model elsewhere: written in five formats, run again from what was written, and compared."""
