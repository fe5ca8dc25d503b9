"""Risks: their parts, and how they fall with the sample."""
