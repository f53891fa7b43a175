"""Tests of the benchmarks: of the harness, never of a time."""
