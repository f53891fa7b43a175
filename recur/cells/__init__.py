"""The textbook cells, one a file."""
