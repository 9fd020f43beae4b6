"""The loop: `step` is shared, `solve` and `vote` say what is asked and what is kept."""
