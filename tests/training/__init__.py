"""Training against plain loops, and against optax step by step."""
