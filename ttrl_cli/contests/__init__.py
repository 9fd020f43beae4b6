"""Programming contests: random streams as their generators draw them, and their cases, kept."""
