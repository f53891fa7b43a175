"""Programs of JAX: run again, sorted and rewritten."""
