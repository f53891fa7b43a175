"""Data that needs no file: made up here, for when nobody gives a directory."""
