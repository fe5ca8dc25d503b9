"""Where metrics go: metrics.jsonl, a progress bar, W&B."""
