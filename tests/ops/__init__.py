"""Arithmetic that cells share."""
