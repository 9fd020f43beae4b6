"""Running what a model writes."""
