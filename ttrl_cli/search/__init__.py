"""Search: PUCT and the archive, pure."""
