"""Law 9 for cells that no paper has: gradients against central differences."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax.test_util import check_grads

import recur
from tests.cases import CASES
from tests.contract.data import draw, loss_of

# The others have exact derivatives of their equations in test_reference.py.
NO_PAPER = [case for case in CASES if case.reference is None]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("case", NO_PAPER, ids=lambda case: case.name)
@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_central_differences(case, mode):
    cell, *args = draw(case, dtype=jnp.float64)
    loss = jax.jit(loss_of(functools.partial(recur.unroll, cell)))
    check_grads(loss, tuple(args), order=1, modes=mode, eps=1e-5, rtol=1e-6, atol=1e-6)
