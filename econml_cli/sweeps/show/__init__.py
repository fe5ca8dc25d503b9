"""What a sweep has found: table, text, page, and which parameters matter."""
