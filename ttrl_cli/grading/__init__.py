"""Grading: from completions to verdicts."""
