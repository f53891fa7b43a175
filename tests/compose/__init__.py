"""Tests of cells made of cells."""
