"""Derivatives of cells, written by hand for the roll in chunks."""
