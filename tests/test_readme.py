"""The Python of the README runs, from top to bottom, as a reader would paste it."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    block
    for block in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    if "->" not in block.splitlines()[0]  # The signature of a step is no program.
]


@pytest.mark.slow
def test_the_examples_run():
    steps, rows = 100, 16
    names = {
        "key": jax.random.key(2),
        "lengths": np.arange(rows),
        "mask": np.ones((steps, rows), bool),
        "starts": np.zeros((steps, rows), bool),
        "anew": None,
    }
    for block in BLOCKS:
        exec(block, names)
    assert names["ys"].shape == (steps, rows, 64)
    assert jnp.isfinite(names["ys"]).all()
    assert names["named"]["forget_gate"][0].shape == (steps, rows, 64)


def test_the_readme_is_short():
    assert len(TEXT.splitlines()) < 200
