"""What torch did, from a file: these run where torch is not installed."""

import jax.numpy as jnp
import pytest

import recur
from recur.interop._shared.uniform import stack_carries
from recur.interop.torch import carry_from_torch, from_torch
from tests.cells.test_torch import golden
from tests.golden.make_torch import KINDS
from tests.interop.agreement import assert_close
from tests.support.draw import quickly


def weights_of(data):
    return {n: w for n, w in data.items() if n.startswith(("weight_", "bias_"))}


@pytest.mark.parametrize("kind", [*KINDS, "packed"])
def test_outputs_and_states_are_those_recorded(kind):
    data = golden(kind)
    told = {"nonlinearity": kind.removeprefix("rnn-")} if "rnn" in kind else {}
    cell, params = from_torch(weights_of(data), **told)
    names = [name for name in ("h", "c") if f"{name}0" in data]
    start = tuple(jnp.asarray(data[f"{name}0"]) for name in names)
    carry = carry_from_torch(cell, start if len(start) > 1 else start[0])
    time = {"seq_lengths": data["lengths"]} if kind == "packed" else {}

    def run(params, carry, xs):
        return recur.unroll(cell, params, carry, xs, **time)

    last, ys = quickly(run)(params, carry, data["x"])
    states = stack_carries("test", cell, last)
    assert_close((ys, states), (data["ys"], *(data[f"{name}n"] for name in names)))
