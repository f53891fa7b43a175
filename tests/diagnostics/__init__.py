"""Tests of what makes gradients visible."""
