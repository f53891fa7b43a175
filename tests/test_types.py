# pyright: reportUnnecessaryTypeIgnoreComment=true
"""A misspelt keyword is seen by a type checker, wherever arguments are handed on.

``pyright`` reads this file too: were one not seen, its comment would be an error there.
"""

import inspect
from typing import get_type_hints

import jax
import jax.numpy as jnp
import pytest
from flax.nnx import Rngs

import recur
from recur import linen, nnx
from recur.diagnostics import gate_saturation
from recur.training import TruncatedBPTT
from recur.types import UnrollOptions

CELL = recur.GRU(3)
PARAMS = CELL.init(jax.random.key(0), 3)
BPTT = TruncatedBPTT(CELL, lambda y, target: y.sum(), window=2)
ARGS = PARAMS, None, jnp.zeros((2, 3))
MISSPELT = {
    "unroll": lambda: recur.unroll(
        CELL,
        *ARGS,
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "explain": lambda: recur.explain(
        CELL,
        *ARGS,
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "unroll_loss": lambda: recur.unroll_loss(
        CELL,
        lambda y, target: y.sum(),
        *ARGS,
        None,
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "layer": lambda: recur.Residual(CELL).unroll(
        *ARGS,
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "stack": lambda: recur.Stack((CELL,)).unroll(
        (PARAMS,),
        (jnp.zeros(3),),
        ARGS[2],
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "linen": lambda: linen.RNN(CELL).init_with_output(
        jax.random.key(0),
        ARGS[2][None],
        seq_lenghts=[2],
    ),
    "nnx": lambda: nnx.RNN(CELL, 3, rngs=Rngs(0))(
        ARGS[2][None],
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "truncated": lambda: BPTT.update(
        PARAMS,
        BPTT.init(jnp.zeros(3), ARGS[2], None),
        ARGS[2],
        None,
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
    "gates": lambda: gate_saturation(
        CELL,
        *ARGS,
        seq_lenghts=[2],  # pyright: ignore[reportCallIssue]
    ),
}


@pytest.mark.parametrize("name", MISSPELT)
def test_it_is_refused_at_run_time_too(name):
    with pytest.raises(TypeError, match="seq_lenghts"):
        MISSPELT[name]()


def test_the_options_are_those_of_unroll():
    parameters = inspect.signature(recur.unroll).parameters.values()
    options = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert set(get_type_hints(UnrollOptions)) == options
