"""Masks drawn before the roll: each wrapper against its paper, in every roll."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._ops.matmul import MaskedWeight
from recur._roll.per_step import split_series
from recur.compose.masks import Drawn
from recur.compose.wrapper import Wrapper
from tests.cases import UserCell
from tests.support.draw import assert_close, quickly, random_like, weigh
from tests.support.interpreter import interpreted, traced

STEPS, ROWS, KEY = 5, 3, jax.random.key(3)
CELLS = {
    "all-of-them": recur.Stack(
        (
            recur.Dropout(recur.Zoneout(recur.LSTM(4), h=0.2, c=0.5), 0.3),
            recur.Residual(recur.VariationalDropout(recur.GRU(4), 0.3, 0.4)),
            recur.RecurrentDropout(recur.DropConnect(recur.LSTM(3), 0.3), 0.4),
        )
    ),
    "dropout": recur.Dropout(recur.LSTM(4), 0.4),
    "dropout-of-a-user": recur.Dropout(UserCell(4), 0.4),
    "variational-lstm": recur.VariationalDropout(recur.LSTM(4), 0.3, 0.4),
    "variational-gru": recur.VariationalDropout(recur.GRU(4), 0.3, 0.4),
    "variational-gru-before": recur.VariationalDropout(
        recur.GRU(4, reset_after=False), 0.3, 0.4
    ),
    "drop-connect": recur.DropConnect(recur.GRU(4), 0.4),
    "zoneout-lstm": recur.Zoneout(recur.LSTM(4), h=0.2, c=0.5),
    "zoneout-gru": recur.Zoneout(recur.GRU(4), h=0.5),
    "recurrent-lstm": recur.RecurrentDropout(recur.LSTM(4), 0.4),
    "recurrent-gru": recur.RecurrentDropout(recur.GRU(4), 0.4, per_step=False),
}


@pytest.fixture(params=CELLS)
def name(request):
    """The name of a cell with masks."""
    return request.param


@pytest.fixture
def row(name):
    """A cell with masks, its params, carry and inputs."""
    return make_row(name)


@cache
def make_row(name):
    cell = CELLS[name]
    params = random_like(0, jax.eval_shape(lambda key: cell.init(key, 3), KEY))
    carry = random_like(1, cell.init_carry((ROWS,)))
    return cell, params, carry, random_like(2, jnp.zeros((STEPS, ROWS, 3)))


def training(cell, **time):
    """The natural use: masks are drawn within what is differentiated."""

    def roll(params, carry, xs):
        drawn = recur.draw_masks(cell, KEY, params, xs)
        return recur.unroll(cell, drawn, carry, xs, **time)

    return roll


def with_grads(roll, compute=interpreted):
    def run(*args):
        def loss(*args):
            values = roll(*args)
            return weigh(values), values

        return jax.grad(loss, (0, 1, 2), has_aux=True)(*args)

    return compute(run)


@pytest.mark.quick(3)
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_the_plain_loop(row, reverse):
    cell, params, carry, xs = row
    rng = np.random.default_rng(0)
    mask, reset = rng.random((2, STEPS, ROWS)) < [[[0.7]], [[0.3]]]
    whole = interpreted(partial(recur.draw_masks, cell, KEY))(params, xs)
    series, put = split_series(whole)
    state, ys = jax.tree.map(np.asarray, carry), np.zeros((STEPS, ROWS, 4))
    zeros = jax.tree.map(np.zeros_like, state)

    def where(rows, one, other):
        return jax.tree.map(lambda a, b: np.where(rows[:, None], a, b), one, other)

    def drawn(t):
        return put([jax.tree.map(lambda a: a[t], s) for s in series])

    step = traced(cell.step, drawn(0), carry, xs[0])
    for t in reversed(range(STEPS)) if reverse else range(STEPS):
        anew = mask[t] & reset[t]
        start = state if reverse else where(anew, zeros, state)
        new, y = step(drawn(t), start, xs[t])
        state = where(mask[t], new, state)
        state = where(anew, zeros, state) if reverse else state
        ys[t, :, : y.shape[-1]] = np.where(mask[t][:, None], y, 0)
    time = {"mask": mask, "reset": reset, "reverse": reverse}
    last, outputs = interpreted(training(cell, **time))(params, carry, xs)
    assert_close((last, outputs), (state, ys[..., : y.shape[-1]].astype(np.float32)))


@cache
def trained(name):
    """Gradients and values of one cell, for all tests that compare with them."""
    cell, *args = make_row(name)
    return with_grads(training(cell), quickly)(*args)


@pytest.mark.slow
@pytest.mark.parametrize("remat", ["sqrt", 2])
def test_the_same_masks_whatever_is_kept(name, remat):
    cell, *args = make_row(name)
    kept = with_grads(training(cell, remat=remat))
    assert_close(kept(*args), trained(name))


@pytest.mark.slow
def test_the_same_masks_when_all_is_computed_again(name):
    cell, *args = make_row(name)
    checkpointed = with_grads(jax.checkpoint(training(cell)))
    assert_close(checkpointed(*args), trained(name))


@pytest.mark.quick(2)
def test_gradients_equal_the_python_loop(name):
    cell, *args = make_row(name)

    def loop(params, carry, xs):
        drawn = recur.draw_masks(cell, KEY, params, xs)
        return recur.static_unroll(cell, drawn, carry, xs)

    assert_close(with_grads(loop)(*args), trained(name))


@pytest.mark.quick(5)
def test_one_key_one_mask_and_evaluation_has_none(row):
    cell, params, carry, xs = row
    ways = (interpreted(training(cell)) for _ in range(2))
    first, again = (roll(params, carry, xs)[1] for roll in ways)
    np.testing.assert_array_equal(first, again)
    roll = interpreted(partial(recur.unroll, cell))
    draw = interpreted(partial(recur.draw_masks, cell, jax.random.key(4)))
    other = draw(params, xs)
    assert np.abs(roll(other, carry, xs)[1] - first).max() > 1e-3
    plain = roll(params, carry, xs)[1]
    assert np.abs(plain - first).max() > 1e-3
    if not isinstance(cell, (recur.Stack, recur.Zoneout)):
        bare = interpreted(partial(recur.unroll, cell.cell))
        inner = bare(params, carry, xs)[1]
        np.testing.assert_allclose(plain, inner, atol=1e-6)


@pytest.mark.quick(4)
def test_models_with_masks_of_their_own_by_vmap(row):
    cell, params, carry, xs = row
    keys = jax.random.split(KEY, 2)

    def roll(key):
        return recur.unroll(cell, recur.draw_masks(cell, key, params, xs), carry, xs)

    both, one = interpreted(jax.vmap(roll))(keys), traced(roll, keys[0])
    for n, key in enumerate(keys):
        assert_close(jax.tree.map(lambda a: a[n], both), one(key))  # noqa: B023


def test_one_mask_a_sequence_for_recurrent_products():
    cell = recur.VariationalDropout(recur.GRU(50), inputs=0.5, recurrent=0.5)
    params = cell.init(jax.random.key(0), 30)
    drawn = recur.draw_masks(cell, KEY, params, jnp.ones((7, 2, 30)))
    assert isinstance(drawn, Drawn)
    assert isinstance(drawn.params.w_hh, MaskedWeight)
    assert drawn.masks.shape == (2, 30)
    assert set(np.unique(drawn.params.w_hh.mask)) == {0.0, 2.0}
    # A dropped unit of a GRU keeps what its update gate keeps.
    shut = params._replace(b=params.b.at[50:100].set(50.0))
    drawn = recur.draw_masks(cell, KEY, shut, jnp.ones((7, 2, 30)))
    last, _ = recur.unroll(cell, drawn, jnp.ones((2, 50)), jnp.ones((7, 2, 30)))
    np.testing.assert_allclose(last, 1, atol=1e-6)


def test_recurrent_dropout_equals_the_equations_of_the_paper():
    cell = recur.RecurrentDropout(recur.LSTM(4), 0.5)
    params = cell.init(jax.random.key(0), 3)
    x, carry = (
        jnp.ones((1, 2, 3)),
        recur.LSTMCarry(*random_like(0, [jnp.ones((2, 4))] * 2)),
    )
    drawn = recur.draw_masks(cell, KEY, params, x)
    (mask,) = jax.tree.map(lambda a: a[0], drawn.masks.values)
    last, _ = recur.unroll(cell, drawn, carry, x)
    gates = x[0] @ params.w_ih + carry.h @ params.w_hh + params.b[None]
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f) * carry.c + jax.nn.sigmoid(i) * jnp.where(
        mask, jnp.tanh(g) * 2, 0
    )
    np.testing.assert_allclose(last.c, c, atol=1e-6)
    np.testing.assert_allclose(last.h, jax.nn.sigmoid(o) * jnp.tanh(c), atol=1e-6)


def test_zoneout_equals_the_equations_of_the_paper():
    inner = recur.LSTM(4)
    cell = recur.Zoneout(inner, h=0.3, c=0.6)
    params = cell.init(jax.random.key(0), 3)
    x, carry = (
        jnp.ones((1, 50, 3)),
        recur.LSTMCarry(*random_like(0, [jnp.ones((50, 4))] * 2)),
    )
    new, _ = inner.step(params, carry, x[0])
    drawn = recur.draw_masks(cell, KEY, params, x)
    last, ys = recur.unroll(cell, drawn, carry, x)
    shares = []
    for old, fresh, kept in zip(carry, new, last, strict=True):
        stays = np.isclose(kept, old, atol=1e-6)
        assert (stays | np.isclose(kept, fresh, atol=1e-6)).all()
        shares.append(stays.mean())
    np.testing.assert_allclose(shares, [0.3, 0.6], atol=0.12)
    np.testing.assert_array_equal(ys[0], last.h)
    mean, y = cell.step(params, carry, x[0])
    np.testing.assert_allclose(mean.c, 0.6 * carry.c + 0.4 * new.c, atol=1e-6)
    np.testing.assert_allclose(y, 0.3 * carry.h + 0.7 * new.h, atol=1e-6)


def test_dropout_keeps_the_mean():
    cell = recur.Dropout(recur.Elman(200), 0.5)
    params, xs = cell.init(jax.random.key(0), 3), jnp.ones((50, 3))
    drawn = recur.draw_masks(cell, KEY, params, xs)
    ys = recur.unroll(cell, drawn, cell.init_carry(), xs)[1]
    plain = recur.unroll(cell, params, cell.init_carry(), xs)[1]
    np.testing.assert_allclose((ys == 0).mean(), 0.5, atol=0.02)
    np.testing.assert_allclose(np.abs(ys).mean(), np.abs(plain).mean(), rtol=0.05)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: recur.Dropout(recur.LSTM(4), 1.0), ValueError),
        (lambda: recur.Dropout(recur.LSTM(4), -0.1), ValueError),
        (lambda: recur.DropConnect(recur.LSTM(4), "half"), TypeError),
        (lambda: recur.VariationalDropout(recur.lstm_step, 0.1), TypeError),
        (lambda: recur.Zoneout(recur.Bidirectional(recur.LSTM(4)), 0.1), TypeError),
    ],
)
def test_bad_wrappers(make, kind):
    with pytest.raises(kind, match="expected"):
        make()


def test_bad_use():
    params, xs = recur.LSTM(4).init(jax.random.key(0), 3), jnp.ones((7, 2, 3))
    draw = partial(recur.draw_masks, params=params, xs=xs)
    with pytest.raises(TypeError, match="key is int 0"):
        draw(recur.LSTM(4), 0)
    cell = recur.Dropout(recur.LSTM(4), 0.5)
    drawn = draw(cell, KEY)
    with pytest.raises(ValueError, match=r"a series bool\[7, 2, 4\].*expected 6 steps"):
        recur.unroll(cell, drawn, cell.init_carry((2,)), xs[1:])
    user = UserCell(4)
    with pytest.raises(ValueError, match="no part named w_hh"):
        recur.draw_masks(recur.DropConnect(user, 0.5), KEY, user.init(KEY, 3), xs)
    with pytest.raises(
        ValueError, match=r"names \[\]; expected a value named candidate"
    ):
        recur.draw_masks(recur.RecurrentDropout(user, 0.5), KEY, user.init(KEY, 3), xs)
    unit = recur.Readout(recur.LSTM(4), 2)
    with pytest.raises(ValueError, match="Wrap the recurrent cell itself"):
        recur.Zoneout(unit, 0.5).step(unit.init(KEY, 3), unit.init_carry(), jnp.ones(3))
    assert issubclass(recur.Zoneout, Wrapper)
