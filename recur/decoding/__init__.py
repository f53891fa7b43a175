"""Sequences drawn from a model."""
