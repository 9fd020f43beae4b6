"""The vote: majority, its statistics, and signs of collapse."""
