"""CONTRIBUTING says all that a new cell needs: walked with one that is not here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

REFERENCE = '''
"""The minimal gated unit in float64 NumPy, from its paper."""

import numpy as np


def minimal_gated_unit(w_f, u_f, b_f, w_h, u_h, b_h, h, xs):
    ys = []
    for x in xs:
        f = 1 / (1 + np.exp(-(x @ w_f + h @ u_f + b_f)))
        candidate = np.tanh(x @ w_h + (f * h) @ u_h + b_h)
        h = (1 - f) * h + f * candidate
        ys.append(h)
    return h, np.stack(ys)
'''

CELL = '''
"""The minimal gated unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.cells.gated import GatedCell
from recur.types import Array


@portable
class MinimalParams(NamedTuple):
    """Weights of a minimal gated unit, fused on the last axis as gate, candidate."""

    w_ih: Array  # [I, 2H]
    w_hh: Array  # [H, 2H]
    b: Array  # [2H]


@dataclass(frozen=True, kw_only=True)
class Minimal(GatedCell[MinimalParams, Array]):
    r"""A minimal gated unit, whose one gate forgets and resets.

    Example:
      >>> cell = Minimal(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))[1].shape
      (2, 5)
    """

    params_type = MinimalParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 2H", "w_hh": "H 2H", "b": "2H"}

    def equations(
        self, params: MinimalParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those of the paper."""
        a = add_bias(self.product(x, params.w_ih), params.b)
        x_f, x_h = jnp.split(a, 2, axis=-1)
        w_f, w_h = jnp.split(params.w_hh, 2, axis=-1)
        f = jax.nn.sigmoid(x_f + self.product(carry, w_f))
        candidate = jnp.tanh(x_h + self.product(f * carry, w_h))
        h = (1 - f) * carry + f * candidate
        return h, h


__all__ = ["Minimal", "MinimalParams"]
'''

REFERENCE_OF_ROW = """
def _minimal(p, h, xs):
    (w_f, w_h), (u_f, u_h), (b_f, b_h) = (
        np.split(a, 2, axis=-1) for a in (p.w_ih, p.w_hh, p.b)
    )
    return minimal_gated_unit(w_f, u_f, b_f, w_h, u_h, b_h, h, xs)


CASES ="""

ROW = """CASES += [Case("minimal", recur.Minimal(5, **_uniform), reference=_minimal)]
assert recur.MinimalParams._fields == ("w_ih", "w_hh", "b")
"""


def walk_the_steps(root):
    """Adds the cell to a copy of the library, as CONTRIBUTING tells."""
    (root / "tests/reference/minimal.py").write_text(REFERENCE)
    (root / "recur/cells/minimal.py").write_text(CELL)
    cases = root / "tests/cases.py"
    text = cases.read_text().replace(
        "import recur\n",
        "import recur\nfrom tests.reference.minimal import minimal_gated_unit\n",
        1,
    )
    cases.write_text(text.replace("\nCASES =", REFERENCE_OF_ROW, 1) + "\n\n" + ROW)
    front = root / "recur/__init__.py"
    exported = front.read_text().replace(
        "__all__ = [", '__all__ = [\n    "Minimal",\n    "MinimalParams",', 1
    )
    imported = "from recur.cells.minimal import Minimal, MinimalParams\n"
    front.write_text(
        exported.replace("from recur.cells.lstm", imported + "from recur.cells.lstm", 1)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("quick_processes")
def test_a_cell_inherits_every_law_by_the_steps_of_contributing(tmp_path):
    for folder in ("recur", "tests", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    walk_the_steps(tmp_path)
    tests = ["tests/contract", "tests/test_layers.py", "tests/test_public.py"]
    chosen = ["-k", "minimal or Minimal", "-n", "0", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *chosen, *tests],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    # All laws, the module's layer and docstrings: not a few that match by chance.
    assert int(run.stdout.split(" passed")[0].split()[-1]) > 35
