"""Programs of JAX, rewritten."""
