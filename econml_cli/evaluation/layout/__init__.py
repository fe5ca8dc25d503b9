"""Numbers as text, Markdown, LaTeX and CSV. Returns strings, prints nothing."""
