"""Cells as functions of their params."""
