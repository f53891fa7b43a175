"""Equations in float64 NumPy, written from the papers, importing nothing of `recur`.

All of them also take complex numbers, so that a test can have exact derivatives by the
complex step: f'(x) = Im f(x + ih) / h for an h so small that nothing is lost.
"""
