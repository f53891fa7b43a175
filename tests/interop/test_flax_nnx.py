"""NNX modules and ours: the same outputs and gradients, both directions."""

import jax
import jax.numpy as jnp
import pytest

from recur import GRU, LSTM, Bidirectional, Elman, Stack
from recur.interop.flax_nnx import from_nnx, to_nnx
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_params,
    roll,
    rolled,
    sequence,
)
from tests.support.draw import quickly

nnx = pytest.importorskip("flax.nnx", reason="flax is not installed")


def rngs():
    return {"rngs": nnx.Rngs(0)}


def undrawn():
    """Of a cell whose weights are set, or never used: to draw them takes longer."""
    return {"recurrent_kernel_init": nnx.initializers.zeros_init(), **rngs()}


MODULES = {
    "gru": lambda: nnx.RNN(nnx.GRUCell(3, 4, **undrawn()), **rngs()),
    "both-ways": lambda: nnx.Bidirectional(
        nnx.RNN(nnx.SimpleCell(3, 4, activation_fn=jax.nn.relu, **undrawn()), **rngs()),
        nnx.RNN(nnx.LSTMCell(3, 2, **undrawn()), **rngs()),
        **rngs(),
    ),
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", MODULES)
def test_outputs_and_gradients_are_those_of_the_module(name):
    graph, params, rest = nnx.split(MODULES[name](), nnx.Param, ...)
    params = jax.tree.map(lambda w: jnp.asarray(sequence(*w.shape)), params)
    xs = sequence(2, 5, 3)

    def theirs(params, xs):
        ys = nnx.merge(graph, params, rest)(xs, **rngs())
        return loss_of(ys), ys

    def ours(params, xs):
        pair = from_nnx(nnx.merge(graph, params, rest))
        ys, _ = roll(pair, xs.swapaxes(0, 1))
        return loss_of(ys.swapaxes(0, 1)), ys.swapaxes(0, 1)

    each = [quickly(jax.grad(f, (0, 1), has_aux=True)) for f in (ours, theirs)]
    assert_close(*(f(params, xs) for f in each))


CELLS = [
    LSTM(4),
    Elman(4, activation=jax.nn.silu),
    Bidirectional(LSTM(3), LSTM(2)),
    Stack((LSTM(4, dtype=jnp.bfloat16), LSTM(3, dtype=jnp.bfloat16))),
]


@pytest.mark.quick(4)
@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_round_trips_are_exact(cell, optimized):
    params = random_params(cell, 2)
    found, back = from_nnx(to_nnx(cell, params, optimized=optimized))
    assert found == cell
    assert_same(back, params)


def test_what_is_made_computes_the_same():
    cell, x = Elman(4, activation=jax.nn.silu), sequence(3, 2)
    params, carry = random_params(cell, 2), jnp.asarray(sequence(3, 4, seed=1))
    _, y = to_nnx(cell, params)(carry, x)
    assert_close(cell.step(params, carry, x)[1], y)
    cell, xs = Bidirectional(LSTM(4)), sequence(5, 3, 2)
    params = random_params(cell, 2)
    ys = to_nnx(cell, params)(xs.swapaxes(0, 1)).swapaxes(0, 1)
    assert_close(rolled((cell, params), xs)[0], ys)


def test_the_gru_must_have_no_bias_inside_the_reset():
    params = random_params(GRU(3), 2)
    with pytest.raises(ValueError, match="b_hn is not zero"):
        to_nnx(GRU(3), params)
    params = params._replace(b_hn=0 * params.b_hn)
    found, back = from_nnx(to_nnx(GRU(3), params))
    assert found == GRU(3)
    assert_same(back, params)


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (lambda: 3, TypeError, "int 3"),
        (lambda: nnx.Linear(2, 3, **rngs()), TypeError, "a Linear"),
        (
            lambda: nnx.GRUCell(2, 3, gate_fn=jax.nn.hard_sigmoid, **undrawn()),
            ValueError,
            "gate_fn",
        ),
        (
            lambda: nnx.LSTMCell(2, 3, activation_fn=jax.nn.relu, **undrawn()),
            ValueError,
            "activation_fn",
        ),
        (
            lambda: nnx.SimpleCell(2, 3, residual=True, **undrawn()),
            ValueError,
            "add the identity",
        ),
        (
            lambda: nnx.RNN(nnx.GRUCell(2, 3, **undrawn()), reverse=True, **rngs()),
            ValueError,
            "reverse=True",
        ),
    ],
)
def test_what_has_no_equal_here_is_refused(module, error, message):
    with pytest.raises(error, match=message):
        from_nnx(module())


@pytest.mark.parametrize(
    "cell", [GRU(3, reset_after=False), LSTM(3, projection_size=2)]
)
def test_what_nnx_lacks_is_refused(cell):
    with pytest.raises(ValueError, match="to_nnx: cell"):
        to_nnx(cell, random_params(cell, 2))
