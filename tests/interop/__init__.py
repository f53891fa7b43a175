"""Tests of weights from and to other libraries."""
