"""A carry in NNX variables goes on, starts anew, trains and is saved."""

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.flax.data import CELLS, LENGTHS, RESET, ROWS, SIZE, XS, moved, unrolled
from tests.support.draw import assert_close

pytest.importorskip("flax", reason="the wrappers need Flax")

from flax import nnx

from recur.nnx import RNN, Carry
from recur.nnx.variables import values

LSTM = CELLS["lstm"]
MORE = moved(XS, 7)


def stateful(cell=LSTM, **options):
    """A layer whose params and carry are not zero."""
    layer = RNN(cell, SIZE, batch_shape=(ROWS,), rngs=nnx.Rngs(0), **options)
    nnx.update(layer, moved(nnx.state(layer, (nnx.Param, Carry))))
    return layer


@pytest.mark.parametrize("name", ["stack", "learned-carry", "user"])
def test_two_calls_equal_one(name):
    layer = stateful(CELLS[name])
    layer.reset_carry()
    call = nnx.jit(lambda layer, xs: layer(xs))
    ys = jnp.concatenate([call(layer, XS), call(layer, MORE)], axis=1)
    both = jnp.concatenate([XS, MORE], axis=1)
    expected = unrolled(CELLS[name], values(layer.cell.params), both)
    assert_close((values(layer.carry), ys), expected)


def test_flags_and_initial_carry():
    layer, flags = stateful(), {"seq_lengths": LENGTHS, "reset": RESET}
    params, stored = values(layer.cell.params), values(layer.carry)
    expected = unrolled(LSTM, params, carry=stored, **flags)
    assert_close(layer(XS, return_carry=True, **flags), expected)
    assert_close(values(layer.carry), expected[0])
    ys = layer(XS, initial_carry=LSTM.init_carry((ROWS,)))
    assert_close((values(layer.carry), ys), unrolled(LSTM, params))


def test_reset_carry():
    layer, rows = stateful(CELLS["learned-carry"]), jnp.array([False, True])
    before, learned = values(layer.carry), values(layer.cell.params).carry
    nnx.jit(lambda layer, rows: layer.reset_carry(rows))(layer, rows)
    assert_close(values(layer.carry), jnp.stack([before[0], learned]))
    layer.reset_carry()
    assert_close(values(layer.carry), jnp.stack([learned, learned]))
    with pytest.raises(ValueError, match=r"reset are bool\[3\]; expected bool\[2\]"):
        layer.reset_carry(jnp.ones(3, bool))


@pytest.mark.parametrize("detach", [False, True])
def test_gradients_of_truncated_bptt(detach):
    layer = stateful(detach=detach)
    params, start = values(layer.cell.params), values(layer.carry)

    @nnx.jit
    @nnx.grad
    def ours(layer):
        return (layer(XS) ** 2).sum() + (layer(MORE) ** 2).sum()

    def theirs(params):
        total, carry = 0.0, start
        for xs in (XS, MORE):
            carry = jax.lax.stop_gradient(carry) if detach else carry
            carry, ys = unrolled(LSTM, params, xs, carry=carry)
            total += (ys**2).sum()
        return total, carry

    grads = nnx.to_pure_dict(ours(layer))["cell"]["params"]
    expected, last = jax.jit(jax.grad(theirs, has_aux=True))(params)
    assert_close(recur.LSTMParams(**grads), expected)
    assert_close(values(layer.carry), last)


def test_nnx_scan_over_chunks():
    layer = stateful()
    params, start = values(layer.cell.params), values(layer.carry)
    axes = nnx.StateAxes({Carry: nnx.Carry, ...: None})

    @nnx.scan(in_axes=(axes, 0), out_axes=0)
    def chunks(layer, xs):
        return layer(xs)

    ys = jnp.concatenate([*chunks(layer, jnp.stack([XS, MORE]))], axis=1)
    both = jnp.concatenate([XS, MORE], axis=1)
    expected = unrolled(LSTM, params, both, carry=start)
    assert_close((values(layer.carry), ys), expected)


def test_split_and_merge():
    layer = stateful()
    graph, params, carry = nnx.split(layer, nnx.Param, Carry)
    again = nnx.merge(graph, *jax.tree.map(jnp.array, (params, carry)))
    assert_close(again(XS), layer(XS))
    assert hash(graph) == hash(nnx.split(layer, nnx.Param, Carry)[0])


def test_training_saving_and_going_on(tmp_path):
    optax = pytest.importorskip("optax", reason="trains with optax")
    ocp = pytest.importorskip("orbax.checkpoint", reason="saves with orbax")
    layer, tx = stateful(detach=True), optax.sgd(0.1, momentum=0.9)
    optimizer = nnx.Optimizer(layer, tx, wrt=nnx.Param)

    @nnx.jit
    def step(layer, optimizer, xs):
        value, grads = nnx.value_and_grad(lambda layer: (layer(xs) ** 2).mean())(layer)
        optimizer.update(layer, grads)
        return value

    @jax.jit
    def by_hand(params, opt_state, carry, xs):
        def loss(params):
            last, ys = unrolled(LSTM, params, xs, carry=carry)
            return (ys**2).mean(), last

        (value, carry), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, opt_state = tx.update(grads, opt_state)
        return optax.apply_updates(params, updates), opt_state, carry, value

    params = values(layer.cell.params)
    plain = params, tx.init(params), values(layer.carry)
    for xs in (XS, MORE, XS):
        value = step(layer, optimizer, xs)
        *plain, expected = by_hand(*plain, xs)
        assert_close(value, expected)
    assert_close(values(layer.cell.params), plain[0])

    graph, state = nnx.split(layer)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        like = jax.tree.map(jnp.zeros_like, state)
        restored = nnx.merge(graph, checkpointer.restore(tmp_path / "state", like))
    assert_close(restored(XS), layer(XS))
