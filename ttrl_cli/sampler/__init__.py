"""Samplers: from prompts to completions."""
