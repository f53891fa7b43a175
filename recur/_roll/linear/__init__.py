"""Rolls of steps whose carry is affine in itself, entry by entry."""
