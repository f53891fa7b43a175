"""The roll in chunks of steps, with a lean derivative."""
