"""Haiku cores and ours: the same outputs and gradients, both directions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Elman, LSTMCarry, Stack
from recur.interop.haiku import from_haiku, to_haiku
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_params,
    roll,
    sequence,
)
from tests.support.draw import quickly

hk = pytest.importorskip("haiku", reason="haiku is not installed")

CORES = {
    "lstm": (lambda: hk.LSTM(4), "lstm"),
    "gru": (lambda: hk.GRU(4), "gru"),
    "vanilla": (lambda: hk.VanillaRNN(4), "vanilla_rnn"),
    "vanilla-one-bias": (lambda: hk.VanillaRNN(4, double_bias=False), "vanilla_rnn"),
    "deep": (
        lambda: hk.DeepRNN([hk.LSTM(3), hk.GRU(2), hk.LSTM(4)]),
        ["lstm", "gru", "lstm_1"],
    ),
}


def unroll_of(make):
    def unroll(xs):
        core = make()
        return hk.dynamic_unroll(core, xs, core.initial_state(xs.shape[1]))

    return hk.without_apply_rng(hk.transform(unroll))


def drawn_by(transformed, xs):
    shapes = jax.eval_shape(transformed.init, jax.random.key(0), xs)
    return jax.tree.map(lambda w: jnp.asarray(0.5 * sequence(*w.shape)), shapes)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", CORES)
def test_outputs_carries_and_gradients_are_those_of_the_core(name):
    make, names = CORES[name]
    xs, theirs = sequence(5, 2, 3), unroll_of(make)
    params = drawn_by(theirs, xs)

    def their_loss(params, xs):
        outputs = theirs.apply(params, xs)
        return loss_of(outputs), outputs

    def our_loss(params, xs):
        outputs = roll(from_haiku(params, names), xs)
        return loss_of(outputs), outputs

    with jax.numpy_rank_promotion("allow"):
        each = [
            quickly(jax.grad(f, (0, 1), has_aux=True)) for f in (our_loss, their_loss)
        ]
        assert_close(*(f(params, xs) for f in each))


def quarters(cell, input_size):
    """Params of which 1 can be taken without rounding."""
    drawn = random_params(cell, input_size)
    return jax.tree.map(lambda w: jnp.asarray(np.round(w * np.float32(64)) / 64), drawn)


ROUND = [
    LSTM(4),
    GRU(3, reset_after=False),
    Elman(3, activation=jax.nn.relu),
    Stack((LSTM(4), LSTM(3), GRU(2, reset_after=False))),
]


@pytest.mark.quick(1)
@pytest.mark.parametrize("cell", ROUND)
def test_round_trips_are_exact_where_one_can_be_taken(cell):
    params = quarters(cell, 2)
    theirs = to_haiku(cell, params)
    names = ["lstm", "lstm_1", "gru"] if isinstance(cell, Stack) else None
    found, back = from_haiku(theirs, names)
    assert found == cell
    assert_same(back, params)
    assert_same(to_haiku(found, back), theirs)


def test_elsewhere_the_forget_bias_is_off_by_its_rounding_only():
    params = random_params(LSTM(64), 2)
    back = from_haiku(to_haiku(LSTM(64), params))[1]
    assert_same(back._replace(b=params.b), params)
    np.testing.assert_allclose(back.b, params.b, rtol=0, atol=2**-23)


def test_default_names_are_those_of_haiku():
    cell = Stack((LSTM(3), GRU(2, reset_after=False), LSTM(4)))
    xs = sequence(5, 2, 3)
    params = drawn_by(unroll_of(CORES["deep"][0]), xs)
    made = to_haiku(cell, random_params(cell, 3))
    assert jax.tree.structure(made) == jax.tree.structure(params)
    named = to_haiku(
        LSTM(3), random_params(LSTM(3), 2), "net/~/core", double_bias=False
    )
    assert list(named) == ["net/~/core/linear"]
    assert from_haiku(named, "net/~/core")[0] == LSTM(3)


def test_the_carry_is_the_state_of_the_core():
    state = hk.LSTMState(hidden=1, cell=2)
    assert LSTMCarry(*state) == LSTMCarry(h=1, c=2)
    assert hk.LSTMState(*LSTMCarry(h=1, c=2)) == state


@pytest.mark.parametrize(
    ("params", "names", "error", "message"),
    [
        ([], None, TypeError, "a list"),
        ({}, None, ValueError, "0 modules"),
        ({"mlp": {"w": np.ones(3)}}, "mlp", ValueError, "names has 'mlp'"),
        (
            {"w": np.ones(3)},
            None,
            TypeError,
            r"params has float64\[3\]; expected a dic",
        ),
        ({"a/linear": {"w": sequence(3, 5), "b": sequence(5)}}, None, ValueError, "4H"),
        (
            {"a/linear": {"w": sequence(3, 4), "b": sequence(5)}},
            "a",
            ValueError,
            "b is float32",
        ),
        (
            {"a": {"w_i": sequence(2, 9), "w_h": sequence(2, 9), "b": sequence(9)}},
            "a",
            ValueError,
            "w_i is float32",
        ),
        (
            {
                n: {"w": sequence(2, 4), "b": sequence(4)}
                for n in ("a/linear", "b/linear")
            },
            None,
            ValueError,
            "2 modules",
        ),
    ],
)
def test_bad_params_are_refused(params, names, error, message):
    with pytest.raises(error, match=message):
        from_haiku(params, names)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (GRU(3), "reset_after=True; expected False"),
        (Elman(3), "tanh; expected relu"),
        (LSTM(3, projection_size=2), "projection_size=2"),
        (recur.Bidirectional(LSTM(3)), "a Bidirectional"),
    ],
)
def test_what_haiku_lacks_is_refused(cell, message):
    with pytest.raises((TypeError, ValueError), match=message):
        to_haiku(cell, random_params(cell, 2))
    with pytest.raises(ValueError, match="expected 1 different"):
        to_haiku(LSTM(3), random_params(LSTM(3), 2), ["a", "b"])
