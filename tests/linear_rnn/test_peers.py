"""Other libraries' cells give the same, where they are installed; none is needed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import linear_rnn
from tests.support.draw import random_like

SIZE, B, T = 4, 2, 7
ABSENT = "it is only a second opinion"
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def inputs():
    return random_like(0, jnp.zeros((T, B, SIZE), "float32"))


def batch_first(a):
    return np.swapaxes(np.asarray(a), 0, 1)


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("name", ["minGRU", "minLSTM"])
def test_min_cells_in_the_positive_form(name, parallel):
    """From zero: in parallel, a carry that is given is passed through g again there."""
    torch = pytest.importorskip("torch", reason=ABSENT)
    module = pytest.importorskip(f"minGRU_pytorch.{name}", reason=ABSENT)
    theirs, xs = getattr(module, name)(SIZE), inputs()
    with torch.no_grad():
        (w,) = [p.numpy().T for p in theirs.parameters()]
        x, h, ys = torch.from_numpy(batch_first(xs).copy()), None, []
        if parallel:
            ys = [theirs(x)]
        for t in range(0 if parallel else T):
            y, h = theirs(x[:, t : t + 1], h, return_next_prev_hidden=True)
            ys.append(y)
        expected = torch.cat(ys, 1).numpy()
    # Theirs are fused as n, z and n, f, i.
    order = [1, 0] if name == "minGRU" else [2, 1, 0]
    gates = np.split(w, len(order), axis=1)
    w = jnp.asarray(np.concatenate([gates[n] for n in order], axis=1))
    kinds = {
        "minGRU": (recur.MinGRU, linear_rnn.MinGRUParams),
        "minLSTM": (recur.MinLSTM, linear_rnn.MinLSTMParams),
    }
    cell, params = kinds[name]
    given = params(w, jnp.zeros(w.shape[1], "float32"))
    _, ys = recur.unroll(cell(SIZE, positive=True), given, None, xs)
    np.testing.assert_allclose(batch_first(ys), expected, **CLOSE)


def gates_of(tree):
    w = [tree[name]["w"] for name in ("a_gate", "input_gate")]
    b = [tree[name]["b"].reshape(-1) for name in ("a_gate", "input_gate")]
    retention = -tree["a_param"]
    return np.concatenate(w, -1), np.concatenate(b), retention


def of_griffin(tree):
    """Params of a block of RecurrentGemma."""
    dense = [tree[name] for name in ("linear_y", "linear_x")]
    w, b = (np.concatenate([d[k] for d in dense], -1) for k in ("kernel", "bias"))
    conv, out = tree["conv_1d"], tree["linear_out"]
    inner = gates_of(tree["rg_lru"])
    return linear_rnn.GriffinParams(
        w, b, conv["w"], conv["b"], *inner, out["kernel"], out["bias"]
    )


@pytest.mark.parametrize("block", [False, True])
def test_rg_lru_and_its_block(block):
    pytest.importorskip("recurrentgemma", reason=ABSENT)
    from recurrentgemma.jax import layers, modules

    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        theirs = layers.RGLRU(width=SIZE, num_heads=2)
        if block:
            theirs = modules.RecurrentBlock(width=SIZE, num_heads=2, lru_width=6)
        xs = inputs()
        x = jnp.asarray(batch_first(xs))
        # At 0 a segment would start, whose first step is another there.
        where = jnp.tile(1 + jnp.arange(T)[None], (B, 1))
        tree = random_like(1, theirs.init(jax.random.key(0), x, where))
        expected, _ = theirs.apply(tree, x, where)
    tree = jax.tree.map(np.asarray, tree["params"])
    cell, params = recur.RGLRU(SIZE, heads=2), linear_rnn.RGLRUParams
    given = of_griffin(tree) if block else params(*gates_of(tree))
    if block:
        cell = recur.GriffinBlock(SIZE, recurrent_size=6, heads=2)
    _, ys = recur.unroll(cell, given, None, xs)
    np.testing.assert_allclose(batch_first(ys), expected, **CLOSE)
