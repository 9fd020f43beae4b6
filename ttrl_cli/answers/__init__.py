"""Reading a completion's final answer."""
