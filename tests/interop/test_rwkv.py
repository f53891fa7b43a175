"""RWKV-4's time mixing as transformers computes it, RWKV-7's as the paper does."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.rwkv import from_rwkv, to_rwkv
from recur.linear_rnn import RWKV4, RWKV7
from tests.golden.rwkv7 import draw, time_mixing
from tests.interop.agreement import assert_close, assert_same, random_params, sequence
from tests.interop.released import assert_agrees, live, part, recorded
from tests.support.draw import quickly

SIZES = {"heads": 2, "of_head": 3, "ranks": (2, 3, 4)}


def seven(seed=0):
    """Weights of an RWKV-7 as in a file."""
    return {n: w.astype(np.float32) for n, w in draw(**SIZES, seed=seed).items()}


def test_outputs_and_gradients_of_rwkv4_are_those_recorded():
    assert_agrees(from_rwkv, recorded("rwkv4"))


@pytest.mark.slow
def test_outputs_and_gradients_of_rwkv4_are_those_of_a_live_layer():
    assert_agrees(from_rwkv, live("rwkv4", hidden_size=7))


def test_outputs_and_derivatives_of_rwkv7_are_those_of_the_paper():
    weights, along = seven(), seven(seed=1)
    x, towards = sequence(6, 6), sequence(6, 6, seed=1)
    tiny = 1e-20
    moved = {n: w + 1j * tiny * along[n] for n, w in weights.items()}
    theirs = time_mixing(moved, x + 1j * tiny * towards)

    def run(weights, x):
        return recur.unroll(*from_rwkv(weights), None, x)[1]

    given = jax.tree.map(jnp.asarray, ((weights, x), (along, towards)))
    ys, slopes = quickly(lambda at, to: jax.jvp(run, at, to))(*given)
    assert_close((ys, slopes), (theirs.real, theirs.imag / tiny))


def test_sizes_are_read():
    cell, _ = from_rwkv(seven())
    ranks = {"decay_rank": 2, "rate_rank": 3, "gate_rank": 4}
    assert cell == RWKV7(6, heads=2, **ranks)
    assert from_rwkv(part(recorded("rwkv4"), "w/"))[0] == RWKV4(4)


def test_mixes_in_few_bits_are_not_rounded():
    """In bfloat16 one minus a small mix would be one."""
    weights = {n: jnp.asarray(w, jnp.bfloat16) for n, w in seven().items()}
    weights["x_k"] = jnp.full((1, 1, 6), 1e-3, jnp.bfloat16)
    cell, params = from_rwkv(weights)
    wide = {n: w.astype(jnp.float32) for n, w in weights.items()}
    as_float, exact = from_rwkv(wide)
    assert_same(jax.tree.map(lambda w: w.astype(jnp.float32), params), exact)
    assert replace(cell, dtype=jnp.float32) == as_float


def test_the_names_of_rwkv4_are_the_makers_or_those_of_transformers():
    weights = part(recorded("rwkv4"), "w/")
    pair = from_rwkv(weights)
    theirs = to_rwkv(*pair, names="transformers")
    assert theirs.keys() == weights.keys()
    makers = to_rwkv(*pair, prefix="blocks.0.att")
    assert {"blocks.0.att.time_mix_k", "blocks.0.att.time_decay"} <= makers.keys()
    assert_same(from_rwkv(makers)[1], pair[1])


@pytest.mark.parametrize("names", ["rwkv", "transformers"])
def test_the_channel_mixing_beside_it_is_not_taken_for_one(names):
    pair = from_rwkv(part(recorded("rwkv4"), "w/"))
    model = to_rwkv(*pair, prefix="blocks.0.att", names=names)
    ours = ("time_mix_k", "time_mix_r", "key.w", "value.w", "receptance.w")
    beside = [n for n in model if n.removeprefix("blocks.0.att.").startswith(ours)]
    model |= {n.replace("att", "ffn"): model[n] for n in beside}
    assert_same(from_rwkv(model)[1], pair[1])


def test_layers_after_the_first_are_refused():
    later = seven() | {name: np.ones((6, 6), np.float32) for name in ("v0", "v1", "v2")}
    with pytest.raises(ValueError, match="has v0; expected none: by these, layers aft"):
        from_rwkv(later)
    assert_same(from_rwkv(later, first_layer=True)[1], from_rwkv(seven())[1])
    with pytest.raises(TypeError, match="first_layer is int 1"):
        from_rwkv(later, first_layer=1)  # pyright: ignore


def changed(name, shape, dtype=np.float32):
    return seven() | {name: np.ones(shape, dtype)}


@pytest.mark.parametrize(
    ("source", "kind", "match"),
    [
        (changed("r_k", (6,)), ValueError, "r_k .* 2 axes"),
        (changed("r_k", (4, 2)), ValueError, r"\(8, 8\)|\(1, 1, 8\)"),
        (changed("w1", (2, 6)), ValueError, r"w1 .*\(6, 2\)"),
        (changed("x_k", (6,)), ValueError, r"x_k .*\(1, 1, 6\)"),
        (changed("ln_x.bias", (6,), np.int32), TypeError, "ln_x.bias is int32"),
        (changed("gate.weight", (6, 6)), ValueError, "also has gate.weight"),
        (
            part(recorded("rwkv4"), "w/") | {"key.weight": np.ones((6, 4), np.float32)},
            ValueError,
            r"key.weight .*\(4, 4\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(source, kind, match):
    with pytest.raises(kind, match=match):
        from_rwkv(source)


def test_cells_of_other_kinds_sizes_and_names_are_refused():
    cell = RWKV4(4)
    with pytest.raises(TypeError, match="a GRU; expected RWKV4 or RWKV7"):
        to_rwkv(recur.GRU(4), random_params(recur.GRU(4), 4))  # pyright: ignore
    with pytest.raises(ValueError, match=r"mix is float32\[9\].*\(12,\)"):
        to_rwkv(cell, random_params(cell, 3))
    with pytest.raises(ValueError, match="names is str 'hf'; expected 'transformers'"):
        to_rwkv(cell, random_params(cell, 4), names="hf")
    cell, params = from_rwkv(seven())
    with pytest.raises(ValueError, match="'transformers'; expected 'rwkv', who"):
        to_rwkv(cell, params, names="transformers")
