"""The three cells against torch.nn, from a file and, where installed, live."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.golden.make_torch import KINDS, PATH, record
from tests.support.interpreter import interpreted

CELLS = {
    "rnn-tanh": recur.Elman,
    "rnn-relu": lambda size: recur.Elman(size, activation=jax.nn.relu),
    "lstm": recur.LSTM,
    "gru": recur.GRU,
}


def golden(kind):
    with np.load(PATH) as arrays:
        prefix = f"{kind}/"
        names = [name for name in arrays.files if name.startswith(prefix)]
        return {name.removeprefix(prefix): arrays[name] for name in names}


def params_of(kind, w_ih, w_hh, b_ih, b_hh, w_hr=None):
    """Torch's two biases merge into one, but for the one inside the GRU's reset."""
    weights = {"w_ih": w_ih.T, "w_hh": w_hh.T}
    if kind == "lstm":
        w_hr = None if w_hr is None else w_hr.T
        return recur.LSTMParams(**weights, b=b_ih + b_hh, w_hr=w_hr)
    if kind == "gru":
        split = 2 * len(b_ih) // 3
        b = jnp.concatenate([b_ih[:split] + b_hh[:split], b_ih[split:]])
        return recur.GRUParams(**weights, b=b, b_hn=b_hh[split:])
    return recur.ElmanParams(**weights, b=b_ih + b_hh)


def ours(kind, data, compute):
    """Our outputs and gradients under torch's names."""
    weights = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    weights += ["weight_hr_l0"] if "weight_hr_l0" in data else []
    names = [*weights, "x", "h0", *(["c0"] if kind == "lstm" else [])]
    cell = CELLS[kind](data[names[-1]].shape[-1])

    def roll(*args):
        args = dict(zip(names, args, strict=True))
        weights_now, xs = [args[name] for name in weights], args["x"]
        states = [args[name][0] for name in names[len(weights) + 1 :]]
        carry = recur.LSTMCarry(*states) if kind == "lstm" else states[0]
        last, ys = recur.unroll(cell, params_of(kind, *weights_now), carry, xs)
        outputs = {"ys": ys, "hn": last.h if kind == "lstm" else last}
        return outputs | ({"cn": last.c} if kind == "lstm" else {})

    def loss(*args):
        outputs = roll(*args)
        terms = [
            jnp.sum(data[f"weight/{k}"].reshape(v.shape) * v)
            for k, v in outputs.items()
        ]
        return sum(terms), outputs

    every = tuple(range(len(names)))
    args = [jnp.asarray(data[name]) for name in names]
    grads, outputs = compute(jax.grad(loss, every, has_aux=True))(*args)
    return outputs, dict(zip(names, grads, strict=True))


def assert_equals_torch(kind, data, compute=interpreted):
    outputs, grads = ours(kind, data, compute)
    for name, value in outputs.items():
        expected = data[name].reshape(value.shape)
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-6, err_msg=name)
    for name, value in grads.items():
        expected = data[f"grad/{name}"]
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(value, expected, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_torch(kind):
    assert_equals_torch(kind, golden(kind), jax.jit)


@pytest.mark.quick(2)
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_live_torch(kind, seed):
    rng = np.random.default_rng(seed)
    names = ("input_size", "hidden_size", "batch", "steps")
    sizes = dict(zip(names, rng.integers(1, 33, 4).tolist(), strict=True))
    assert_equals_torch(kind, record(kind, **sizes, seed=seed))


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # Torch is only slow then.
@pytest.mark.parametrize("sizes", [(3, 5, 2), (7, 16, 9), (1, 2, 1)])
def test_live_torch_projection(sizes):
    input_size, hidden_size, proj_size = sizes
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "batch": 3}
    data = record("lstm", **sizes, steps=8, seed=0, proj_size=proj_size)
    assert data["ys"].shape == (8, 3, proj_size)
    assert_equals_torch("lstm", data)
