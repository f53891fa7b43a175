"""Cells and layers of Linen against ``recur.unroll`` with the same params."""

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.flax.data import (
    CELLS,
    KEY,
    LENGTHS,
    ROLLS,
    ROWS,
    STEPS,
    XS,
    moved,
    unrolled,
)
from tests.support.draw import assert_close, quickly, weigh
from tests.support.interpreter import interpreted

pytest.importorskip("flax", reason="the wrappers need Flax")

from flax import linen as nn

from recur._flax.names import from_names, to_names
from recur.linen import RNN, Cell
from recur.linen.variables import Variables


def init(module, xs=XS):
    """Variables whose numbers are all drawn anew, biases too."""
    return moved(jax.eval_shape(module.init, KEY, xs))


def params_of(cell, variables, input_size=3):
    held = {"params": variables["params"]["cell"]}
    return Variables(cell).apply(held, input_size, method="params")


def assert_equals_unroll(module, cell, xs=XS, flags=None, options=None):
    """Carry, outputs and gradients in params and inputs."""
    variables, flags = init(module), flags or {}

    def ours(variables, xs):
        result = module.apply(variables, xs, return_carry=True, **flags)
        return weigh(result), result

    def theirs(variables, xs):
        params = params_of(cell, variables)
        result = unrolled(cell, params, xs, **flags, **(options or {}))
        return weigh(result), result

    got, expected = (
        interpreted(jax.value_and_grad(f, (0, 1), has_aux=True))(variables, xs)
        for f in (ours, theirs)
    )
    assert_close(got, expected)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["stack", "learned-carry", "user"])
def test_cell_in_flax_rnn(name):
    assert_equals_unroll(nn.RNN(Cell(CELLS[name])), CELLS[name])


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["learned-carry", "readout", "deep-bidirectional"])
def test_layer(name):
    cell = CELLS[name]
    flags = ROLLS["reset-and-mask"] | {"seq_lengths": LENGTHS}
    assert_equals_unroll(RNN(cell), cell, flags=flags)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ROLLS)
def test_every_way_to_roll(name):
    assert_equals_unroll(RNN(CELLS["lstm"]), CELLS["lstm"], flags=ROLLS[name])


def test_attributes_are_defaults_of_calls():
    cell = CELLS["lstm"]
    layer = RNN(cell, return_carry=True, reverse=True, options={"remat": 2})
    variables = init(layer)
    expected = unrolled(cell, params_of(cell, variables), reverse=True)
    assert_close(layer.apply(variables, XS), expected)
    _, ys = unrolled(cell, params_of(cell, variables))
    again = layer.apply(variables, XS, reverse=False, return_carry=False, remat=None)
    assert_close(again, ys)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["lstm", "stack"])
def test_both_forms_draw_the_same(name):
    cell = CELLS[name]
    layer, variables = RNN(cell), nn.RNN(Cell(cell)).init(KEY, XS)
    assert_close(variables, layer.init(KEY, XS))
    assert_close(variables, quickly(layer.init)(KEY, XS))


def test_names():
    shapes = jax.tree.map(jnp.shape, RNN(CELLS["stack"]).init(KEY, XS))
    lstm = {"w_ih": (3, 16), "w_hh": (4, 16), "b": (16,)}
    gru = {"w_ih": (4, 6), "w_hh": (2, 6), "b": (6,), "b_hn": (2,)}
    assert shapes == {"params": {"cell": {"layers_0": lstm, "layers_1": gru}}}
    table = nn.tabulate(RNN(CELLS["lstm"]), KEY, console_kwargs={"width": 200})(XS)
    assert "w_ih" in table


@pytest.mark.parametrize("tree", [1, (1, (2, 3)), {"a": 1, "b": (2,)}])
def test_names_take_any_tree_there_and_back(tree):
    assert from_names(tree, to_names(tree, "w"), "w") == tree
    assert all(isinstance(key, str) for key in to_names(tree, "w"))


@pytest.mark.slow
def test_axes():
    layer, cell = RNN(CELLS["lstm"]), CELLS["lstm"]
    variables = init(layer)
    _, expected = unrolled(cell, params_of(cell, variables), reset=RESET_BOTH)
    five = jnp.broadcast_to(XS, (5, *XS.shape))
    flags = jnp.broadcast_to(RESET_BOTH, five.shape[:-1])
    assert_close(layer.apply(variables, five, reset=flags)[2], expected)
    assert_close(layer.apply(variables, XS[1], reset=RESET_BOTH[1]), expected[1])
    first = jnp.swapaxes(XS, 0, 1)
    ys = layer.apply(variables, first, reset=RESET_BOTH.T, time_major=True)
    assert_close(jnp.swapaxes(ys, 0, 1), expected)


RESET_BOTH = jnp.arange(STEPS)[None] == jnp.array([[2], [3]])


@pytest.mark.parametrize(
    "half", [lambda cell: RNN(cell), lambda cell: nn.RNN(Cell(cell))]
)
def test_flax_bidirectional(half):
    cell = CELLS["lstm"]
    module = nn.Bidirectional(half(cell), half(cell), return_carry=True)
    variables = init(module)
    names = ("forward_rnn", "backward_rnn")
    both = [params_of(cell, {"params": variables["params"][n]}) for n in names]
    layer = recur.Bidirectional(cell)
    expected = unrolled(layer, recur.BidirectionalParams(*both), seq_lengths=LENGTHS)
    carry, ys = module.apply(variables, XS, seq_lengths=LENGTHS)
    assert_close(recur.BidirectionalCarry(*carry), expected[0])
    for row, length in enumerate(LENGTHS):  # Flax leaves what it likes past the end.
        assert_close(ys[row, :length], expected[1][row, :length])


def test_flax_scan():
    cell = CELLS["lstm"]
    how = {"variable_broadcast": "params", "split_rngs": {"params": False}}
    rnn = nn.scan(Cell, in_axes=1, out_axes=1, **how)(cell)
    carry = rnn.initialize_carry(KEY, (ROWS, 3))
    variables = moved(rnn.init(KEY, carry, XS))
    params = params_of(cell, {"params": {"cell": variables["params"]}})
    assert_close(rnn.apply(variables, carry, XS), unrolled(cell, params))


def test_vmap_is_an_ensemble():
    layer = RNN(CELLS["lstm"])
    many = [moved(layer.init(KEY, XS), seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *many)
    ys = jax.vmap(layer.apply, (0, None))(stacked, XS)
    assert_close(ys[1], layer.apply(many[1], XS))


def test_a_second_call_traces_nothing():
    layer, traces = RNN(CELLS["lstm"]), []
    variables = layer.init(KEY, XS)
    apply = jax.jit(lambda *args: (traces.append(1), layer.apply(*args))[1])
    apply(variables, XS)
    apply(variables, XS + 1)
    assert len(traces) == 1
