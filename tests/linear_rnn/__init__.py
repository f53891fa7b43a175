"""Linear cells."""
