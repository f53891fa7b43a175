"""The Legendre memory unit against the delay that it discretises, and as it starts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.legendre import legval

import recur
from recur import linear_rnn
from recur.linear_rnn.sliding_window import sliding_window
from tests.linear_rnn.drawn import KEY, B, H, drawn, rolled
from tests.reference.lmu import delay_network
from tests.support.draw import assert_close
from tests.support.interpreter import interpreted

pytestmark = pytest.mark.usefixtures("x64")

D, THETA, M = 3, 4.0, 2
CELL = linear_rnn.LMU(H, order=D, theta=THETA, memories=M, dtype="float64")


def by_itself(params):
    """With memories that see the input alone."""
    return params._replace(e_h=0 * params.e_h, e_m=0 * params.e_m)


@pytest.mark.parametrize(("order", "theta"), [(1, 0.5), (6, 4), (12, 100.0), (64, 64)])
def test_its_matrices_are_those_of_scipy(order, theta):
    for ours, theirs in zip(
        sliding_window(order, theta), delay_network(order, theta), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("order", "theta"), [(12, 4.0), (64, 784.0)])
def test_a_signal_that_stays_is_its_first_coefficient(order, theta):
    a, b = sliding_window(order, theta)
    still = np.eye(order)[0]
    np.testing.assert_allclose(a @ still + b, still, rtol=0, atol=1e-14)


def test_its_window_has_what_the_signal_was():
    order, theta, period = 12, 100.0, 130
    a, b = sliding_window(order, theta)
    wave = lambda t: np.sin(2 * np.pi * t / period)
    m = np.zeros(order)
    for t in range(400):
        m = a @ m + b * wave(t)
    ago = np.linspace(0, 1, 21)
    # A sample that is held for a step stands half a step earlier.
    error = abs(legval(2 * ago - 1, m) - wave(399.5 - theta * ago))
    assert error[1:].max() < 1e-3
    assert error[0] < 6e-3  # Of the latest, between a step that is held and the next.


def test_with_all_params_zero_only_its_memory_moves():
    params, carry, xs = drawn(CELL)
    params = jax.tree.map(jnp.zeros_like, params)
    (h, m), y = interpreted(CELL.step)(params, carry, xs[0])
    assert not h.any()
    assert not y.any()
    assert_close(m, np.asarray(carry.m) @ sliding_window(D, THETA)[0].T)


def test_a_memory_that_sees_the_input_alone_is_linear_and_of_each_signal():
    params, carry, xs = drawn(CELL)
    params = by_itself(params)
    a, b = sliding_window(D, THETA)
    m = np.asarray(carry.m)
    for u in np.asarray(xs) @ np.asarray(params.e_x):
        m = m @ a.T + u[..., None] * b
    assert_close(rolled(CELL, params, carry, xs)[0].m, jnp.asarray(m))


def test_its_memory_is_linked_by_one_matrix_and_its_hidden_value_by_all():
    """The Jacobian of a step."""
    params, carry, xs = drawn(CELL)
    step = lambda carry: CELL.step(by_itself(params), carry, xs[0, 0])[0]
    links = interpreted(jax.jacfwd(step))(jax.tree.map(lambda a: a[0], carry))
    a, _ = sliding_window(D, THETA)
    assert_close(links.m.m, np.einsum("ij,kl->kilj", a, np.eye(M)))
    assert not links.m.h.any()
    assert links.h.h.all()
    assert links.h.m.all()


def test_signals_are_made_of_all_that_there_is():
    params, carry, xs = drawn(CELL)
    u = xs[0] @ params.e_x + carry.h @ params.e_h
    u += carry.m.reshape(B, M * D) @ params.e_m
    _, b = sliding_window(D, THETA)
    free = CELL.step(by_itself(params)._replace(e_x=0 * params.e_x), carry, xs[0])[0].m
    assert_close(
        CELL.step(params, carry, xs[0])[0].m - free, u[..., None] * b[None, None]
    )


def test_a_memory_is_advanced_in_float32_whatever_products_are_in():
    half = linear_rnn.LMU(H, order=D, theta=THETA, compute_dtype="bfloat16")
    params, carry, xs = drawn(half)
    narrow = jax.tree.map(lambda a: a.astype("float32"), (params, carry, xs[0]))
    params, carry, x = by_itself(narrow[0]), *narrow[1:]
    new = interpreted(half.step)(params._replace(e_x=0 * params.e_x), carry, x)[0]
    a = sliding_window(D, THETA)[0].astype("float32")
    np.testing.assert_allclose(new.m, np.asarray(carry.m) @ a.T, rtol=1e-6, atol=1e-7)


def test_it_starts_with_memories_that_do_not_feed_themselves():
    params = linear_rnn.LMU(64, order=D, theta=9.0, memories=64).init(KEY, 256)
    assert type(params) is linear_rnn.LMUParams
    assert not params.e_m.any()
    assert abs(params.e_x.std() - 1 / 16) < 2e-3
    assert abs(params.e_h.std() - 1 / 8) < 4e-3
    assert params.w_mh.shape == (64 * D, 64)


def test_is_rolled_by_a_rule_of_its_equations():
    params, carry, xs = drawn(CELL)
    (note,) = recur.explain(CELL, params, carry, xs, implementation="chunked").rolls
    assert note.form == "a rule traced from its equations"
    assert isinstance(carry, linear_rnn.LMUCarry)


BAD = {
    "LMU: order is 0; expected a positive integer": {"order": 0},
    "LMU: order is float 3.5": {"order": 3.5},
    "LMU: memories is -1": {"memories": -1},
    "LMU: theta is float 0.0; expected a finite number above 0": {"theta": 0.0},
    "LMU: theta is str": {"theta": "long"},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_options_are_refused_by_name(message):
    with pytest.raises((TypeError, ValueError)) as error:
        linear_rnn.LMU(4, **{"order": D, "theta": THETA} | BAD[message])
    assert message in str(error.value)
