"""Learners: from a round to updated weights."""
