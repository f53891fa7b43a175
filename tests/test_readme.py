"""The Python of the README runs as a reader would paste it, and it stays short."""

import re
from pathlib import Path

import jax.numpy as jnp
import pytest

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_example_runs():
    names = {}
    exec(BLOCK, names)
    assert names["ys"].shape == (100, 16, 32)
    assert not names["ys"][80:].any()
    assert all(jnp.isfinite(g).all() for g in names["jax"].tree.leaves(names["grads"]))


def test_the_readme_is_short():
    assert len(TEXT.splitlines()) <= 90


def test_its_links_lead_to_files():
    root = Path(__file__).parents[1]
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (root / link).exists()] == []
