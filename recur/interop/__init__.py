"""Weights from and to other libraries, one module a library.

Each has functions ``from_<library>(...) -> (cell, params)`` and
``to_<library>(cell, params)``, and imports its library only when asked for something
that needs it.
"""
