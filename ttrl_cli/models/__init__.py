"""Models: the cache, and loading."""
