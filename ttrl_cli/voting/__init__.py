"""Voting: extraction and majority, pure."""
