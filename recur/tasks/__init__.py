"""Applications, one a file."""
