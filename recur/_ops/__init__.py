"""Arithmetic that the cells share."""
