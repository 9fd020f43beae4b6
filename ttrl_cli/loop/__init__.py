"""The loop: solve and vote."""
