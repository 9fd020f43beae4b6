"""A forward of our own for models built like Llama: tokens for sampling, sequences for learning."""
