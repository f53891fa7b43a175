"""What released layers did, from a file or asked anew, and what ours do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.golden.make_released import PATH, record
from tests.interop.agreement import assert_close
from tests.support.draw import quickly


def recorded(kind):
    """The arrays of one layer in the file."""
    with np.load(PATH) as file:
        names = [name for name in file if name.startswith(f"{kind}/")]
        return {name.removeprefix(f"{kind}/"): file[name] for name in names}


def live(kind, **sizes):
    """The same of a layer of other sizes, made now."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    return record(kind, batch=3, steps=5, seed=9, **sizes)


def part(data, start):
    """The weights, or their gradients."""
    return {n.removeprefix(start): w for n, w in data.items() if n.startswith(start)}


def assert_agrees(read, data, tolerance=1e-5):
    """Our outputs and gradients are theirs: of all weights, by name, and of inputs.

    ``read`` makes ``(cell, params)`` of weights; gradients are taken through it.
    """

    def loss(weights, x):
        cell, params = read(weights)
        _, ys = recur.unroll(cell, params, None, x, time_major=False)
        return jnp.sum(ys * data["cotangent"]), ys

    weights, x = jax.tree.map(jnp.asarray, (part(data, "w/"), data["x"]))
    run = jax.grad(loss, (0, 1), has_aux=True)
    (of_weights, of_x), ys = quickly(run)(weights, x)
    assert_close(ys, data["ys"], tolerance)
    assert_close(of_x, data["grad_x"], tolerance)
    assert_close(of_weights, part(data, "grad/"), tolerance)


def assert_same_weights(ours, theirs):
    """The same names, dtypes, shapes and bits."""
    assert ours.keys() == theirs.keys()
    for name, w in theirs.items():
        w, one = np.asarray(w), ours[name]
        assert isinstance(one, np.ndarray)
        assert (one.dtype, one.shape) == (w.dtype, w.shape), name
        assert one.tobytes() == w.tobytes(), name
        assert one.flags.c_contiguous, name
