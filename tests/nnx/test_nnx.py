"""Cells and layers of NNX against ``recur.unroll`` with the same params."""

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.flax.data import (
    CELLS,
    LENGTHS,
    RESET,
    ROLLS,
    ROWS,
    SIZE,
    XS,
    moved,
    unrolled,
)
from tests.support.draw import assert_close, weigh
from tests.support.interpreter import interpreted

pytest.importorskip("flax", reason="the wrappers need Flax")

from flax import nnx

from recur.nnx import RNN, Cell
from recur.nnx.variables import values

LSTM = CELLS["lstm"]


def layer_of(cell, **options):
    return stir(RNN(cell, SIZE, rngs=nnx.Rngs(0), **options))


def rnn_of(cell, **options):
    return stir(nnx.RNN(Cell(cell, SIZE, rngs=nnx.Rngs(0)), **options))


def stir(module):
    """The module with other numbers in its params, biases too."""
    nnx.update(module, moved(nnx.state(module, nnx.Param)))
    return module


def assert_equals_unroll(module, cell, **flags):
    """Carry, outputs and gradients in params and inputs."""
    graph, params, rest = nnx.split(module, nnx.Param, ...)

    def ours(state, xs):
        module = nnx.merge(graph, state, rest)
        result = module(xs, return_carry=True, **flags)
        return weigh(result), result

    def theirs(params, xs):
        result = unrolled(cell, params, xs, **flags)
        return weigh(result), result

    one = interpreted(jax.value_and_grad(ours, (0, 1), has_aux=True))(params, XS)
    plain = values(module.cell.params)
    other = interpreted(jax.value_and_grad(theirs, (0, 1), has_aux=True))(plain, XS)
    assert_close((one[0], one[1][1]), (other[0], other[1][1]))
    found = nnx.merge(graph, one[1][0], rest).cell.params
    assert_close(values(found), other[1][0])


@pytest.mark.parametrize("name", ["stack", "learned-carry", "user"])
def test_cell_in_flax_rnn(name):
    assert_equals_unroll(rnn_of(CELLS[name]), CELLS[name])


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["learned-carry", "deep-bidirectional"])
def test_layer(name):
    flags = {"seq_lengths": LENGTHS, "reset": RESET}
    assert_equals_unroll(layer_of(CELLS[name]), CELLS[name], **flags)


@pytest.mark.parametrize("name", ["reset-and-mask", "remat"])
def test_every_way_to_roll(name):
    assert_equals_unroll(layer_of(LSTM), LSTM, **ROLLS[name])


def test_attributes_are_defaults_of_calls():
    layer = layer_of(LSTM, return_carry=True, reverse=True, remat=2)
    params = values(layer.cell.params)
    assert_close(layer(XS), unrolled(LSTM, params, reverse=True))
    expected = unrolled(LSTM, params)[1]
    assert_close(layer(XS, reverse=False, return_carry=False, remat=None), expected)
    first = jnp.swapaxes(XS, 0, 1)
    ys = layer(first, time_major=True, reverse=False, return_carry=False)
    assert_close(jnp.swapaxes(ys, 0, 1), expected)


def test_one_seed_draws_what_the_cell_draws():
    cell = CELLS["stack"]
    layer, other = RNN(cell, SIZE, rngs=nnx.Rngs(5)), Cell(cell, SIZE, rngs=nnx.Rngs(5))
    assert_close(values(layer.cell.params), cell.init(nnx.Rngs(5).params(), SIZE))
    assert_close(values(layer.cell.params), values(other.params))


def test_one_form_takes_the_state_of_the_other():
    rnn, layer = rnn_of(LSTM), RNN(LSTM, SIZE, rngs=nnx.Rngs(1))
    nnx.update(layer, nnx.state(rnn, nnx.Param))
    assert_close(layer(XS), rnn(XS))


def test_state_is_named_as_the_params():
    state = nnx.state(RNN(CELLS["stack"], SIZE, rngs=nnx.Rngs(0)))
    paths = {"/".join(map(str, path)) for path, _ in nnx.to_flat_state(state)}
    names = {0: ("w_ih", "w_hh", "b"), 1: ("w_ih", "w_hh", "b", "b_hn")}
    assert paths == {f"cell/params/{n}/{k}" for n, ks in names.items() for k in ks}


@pytest.mark.parametrize("make", [layer_of, rnn_of])
def test_flax_bidirectional(make):
    module = nnx.Bidirectional(make(LSTM), make(LSTM), return_carry=True)
    halves = module.forward_rnn, module.backward_rnn
    both = recur.BidirectionalParams(*(values(half.cell.params) for half in halves))
    expected = unrolled(recur.Bidirectional(LSTM), both, seq_lengths=LENGTHS)
    carry, ys = module(XS, seq_lengths=LENGTHS)
    assert_close(recur.BidirectionalCarry(*carry), expected[0])
    for row, length in enumerate(LENGTHS):  # Flax leaves what it likes past the end.
        assert_close(ys[row, :length], expected[1][row, :length])


def test_carry_init():
    cell = Cell(LSTM, SIZE, rngs=nnx.Rngs(0))
    ones = cell.initialize_carry((ROWS, SIZE), nnx.Rngs(0), nnx.initializers.ones)
    assert_close(ones, jax.tree.map(jnp.ones_like, LSTM.init_carry((ROWS,))))
    with pytest.raises(ValueError, match=r"rngs is None; .* Pass nnx.Rngs\(seed\)"):
        cell.initialize_carry((ROWS, SIZE), carry_init=nnx.initializers.ones)
