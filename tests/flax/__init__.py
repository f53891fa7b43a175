"""Tests of the wrappers for Flax."""
