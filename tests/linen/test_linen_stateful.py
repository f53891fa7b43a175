"""A carry in a Linen collection goes on, starts anew, trains and is saved."""

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.flax.data import (
    CELLS,
    KEY,
    LENGTHS,
    RESET,
    ROWS,
    XS,
    moved,
    unrolled,
)
from tests.support.draw import assert_close, quickly

pytest.importorskip("flax", reason="the wrappers need Flax")

from flax import linen as nn
from flax.errors import ModifyScopeVariableError
from flax.training.train_state import TrainState

from recur._flax.names import from_names
from recur.linen import RNN

LSTM = CELLS["lstm"]
MORE = moved(XS, 7)


def start(layer, xs=XS):
    """Params and a carry that are not zero."""
    return moved(jax.eval_shape(layer.init, KEY, xs))


def params_of(variables):
    return recur.LSTMParams(**variables["params"]["cell"])


def carry_of(variables):
    return recur.LSTMCarry(**variables["carry"]["cell"])


@pytest.mark.parametrize("name", ["stack", "learned-carry", "user"])
def test_two_calls_equal_one(name):
    layer, whole = RNN(CELLS[name], stateful=True), RNN(CELLS[name])
    variables = layer.init(KEY, XS) | {"params": start(layer)["params"]}
    apply = jax.jit(lambda v, xs: layer.apply(v, xs, mutable=["carry"]))
    _, fresh = apply({"params": variables["params"]}, XS[:, :0])
    one, new = apply(variables | fresh, XS)
    two, last = apply(variables | new, MORE)
    both = jnp.concatenate([XS, MORE], axis=1)
    carry, ys = whole.apply(variables, both, return_carry=True)
    assert_close(jnp.concatenate([one, two], axis=1), ys)
    assert_close(from_names(carry, last["carry"]["cell"], "h"), carry)


def test_init_does_not_advance():
    variables = RNN(LSTM, stateful=True).init(KEY, XS)
    assert_close(carry_of(variables), LSTM.init_carry((ROWS,)))


def test_flags_and_initial_carry():
    layer = RNN(LSTM, stateful=True)
    variables, flags = start(layer), {"seq_lengths": LENGTHS, "reset": RESET}
    ys, new = layer.apply(variables, XS, mutable=["carry"], **flags)
    stored, params = carry_of(variables), params_of(variables)
    expected = unrolled(LSTM, params, carry=stored, **flags)
    assert_close((carry_of(new), ys), expected)
    given = {"initial_carry": LSTM.init_carry((ROWS,))}
    ys, new = layer.apply(variables, XS, mutable=["carry"], **given)
    assert_close((carry_of(new), ys), unrolled(LSTM, params))


def test_reset_rows():
    layer = RNN(LSTM, stateful=True)
    variables = start(layer)
    rows = jnp.array([False, True])
    ys, _ = layer.apply(variables, XS, reset_rows=rows, mutable=["carry"])
    kept, _ = layer.apply(variables, XS, mutable=["carry"])
    _, fresh = unrolled(LSTM, params_of(variables))
    assert_close(ys, jnp.stack([kept[0], fresh[1]]))


def test_resets_reach_a_learned_carry():
    cell = CELLS["learned-carry"]
    layer = RNN(cell, stateful=True, detach=True)
    variables = start(layer)

    def last(params, **flags):
        held = variables | {"params": params}
        return layer.apply(held, XS, mutable=["carry"], **flags)[0].sum()

    for flags in ({"reset": RESET}, {"reset_rows": RESET[:, 2]}, {}):
        grads = quickly(jax.grad(lambda p, flags=flags: last(p, **flags)))(
            variables["params"]
        )
        assert bool(grads["cell"]["carry"].any()) == bool(flags)


@pytest.mark.parametrize("detach", [False, True])
def test_gradients_of_truncated_bptt(detach):
    layer = RNN(LSTM, stateful=True, detach=detach)
    variables = start(layer)

    def ours(params):
        total, held = 0.0, variables | {"params": params}
        for xs in (XS, MORE):
            ys, new = layer.apply(held, xs, mutable=["carry"])
            total, held = total + (ys**2).sum(), held | new
        return total

    def theirs(params):
        total, carry = 0.0, carry_of(variables)
        for xs in (XS, MORE):
            carry = jax.lax.stop_gradient(carry) if detach else carry
            carry, ys = unrolled(LSTM, params, xs, carry=carry)
            total += (ys**2).sum()
        return total

    grads = quickly(jax.grad(ours))(variables["params"])
    expected = quickly(jax.grad(theirs))(params_of(variables))
    assert_close(recur.LSTMParams(**grads["cell"]), expected)


def test_flax_scan_over_chunks():
    how = {"variable_broadcast": "params", "variable_carry": "carry"}
    how |= {"split_rngs": {"params": False}, "in_axes": 1, "out_axes": 1}

    class Chunks(nn.Module):
        @nn.compact
        def __call__(self, chunks):
            body = nn.scan(lambda layer, _, xs: (None, layer(xs)), **how)
            return body(RNN(LSTM, stateful=True, name="rnn"), None, chunks)[1]

    variables = {"params": {"rnn": start(RNN(LSTM))["params"]}}
    chunks = jnp.stack([XS, MORE], axis=1)
    carry = RNN(LSTM, stateful=True).init(KEY, XS)["carry"]
    variables["carry"] = {"rnn": carry}
    ys, new = Chunks().apply(variables, chunks, mutable=["carry"])
    params = params_of({"params": variables["params"]["rnn"]})
    expected = unrolled(LSTM, params, jnp.concatenate([XS, MORE], axis=1))
    found = carry_of({"carry": new["carry"]["rnn"]})
    assert_close((found, jnp.concatenate([ys[:, 0], ys[:, 1]], axis=1)), expected)


def test_frozen_carry_is_not_lost_in_silence():
    layer = RNN(LSTM, stateful=True)
    with pytest.raises(ModifyScopeVariableError):
        layer.apply(start(layer), XS)


class State(TrainState):
    carry: dict


def test_training_saving_and_going_on(tmp_path):
    optax = pytest.importorskip("optax", reason="trains with optax")
    ocp = pytest.importorskip("orbax.checkpoint", reason="saves with orbax")
    layer, tx = RNN(LSTM, stateful=True, detach=True), optax.sgd(0.1, momentum=0.9)

    @jax.jit
    def step(state, xs):
        def loss(params):
            held = {"params": params, "carry": state.carry}
            ys, new = layer.apply(held, xs, mutable=["carry"])
            return (ys**2).mean(), new["carry"]

        (value, carry), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads, carry=carry), value

    @jax.jit
    def by_hand(params, opt_state, carry, xs):
        def loss(params):
            last, ys = unrolled(LSTM, params, xs, carry=carry)
            return (ys**2).mean(), last

        (value, carry), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, opt_state = tx.update(grads, opt_state)
        return optax.apply_updates(params, updates), opt_state, carry, value

    variables = start(layer)
    made = {"apply_fn": layer.apply, "tx": tx, **variables}
    state, params = State.create(**made), params_of(variables)
    plain = params, tx.init(params), carry_of(variables)
    for xs in (XS, MORE, XS):
        state, value = step(state, xs)
        *plain, expected = by_hand(*plain, xs)
        assert_close(value, expected)
    assert_close(params_of({"params": state.params}), plain[0])
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", State.create(**made))
    assert_close(step(restored, MORE)[0].params, step(state, MORE)[0].params)
