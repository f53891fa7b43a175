"""The complex HGRN is the real one where nothing turns."""

import jax
import jax.numpy as jnp
import pytest

import recur
from recur import linear_rnn
from recur.linear_rnn import Complex
from tests.linear_rnn.drawn import KEY, H, drawn, joined, rolled
from tests.support.draw import assert_close

pytestmark = pytest.mark.usefixtures("x64")

CELL = linear_rnn.ComplexHGRN(H, lower_bound=0.4)


def test_without_angles_and_imaginary_parts_it_is_the_real_recurrence():
    params, carry, xs = drawn(CELL)
    real = jnp.repeat(jnp.array([1.0, 1, 0, 1, 1]), H)
    params = params._replace(
        w_ih=params.w_ih * real[None], b=0 * params.b, theta=0 * params.theta
    )
    w_f, w_c, _, w_g, _ = jnp.split(params.w_ih, 5, axis=-1)
    same = linear_rnn.HGRNParams(joined(w_f, w_c, w_g), jnp.ones(H), jnp.eye(H))
    expected = rolled(linear_rnn.HGRN(H, lower_bound=0.4), same, carry.re, xs)[0]
    last = rolled(CELL, params, Complex(carry.re, 0 * carry.im), xs)[0]
    assert_close(last, Complex(expected, jnp.zeros_like(expected)))


def test_an_open_gate_turns_what_it_keeps():
    params, carry, xs = drawn(CELL)
    b = jnp.full_like(params.b, 900.0)
    params = params._replace(w_ih=0 * params.w_ih, b=b)
    last = rolled(CELL, params, carry, xs)[0]
    turn = jnp.exp(jax.lax.complex(0 * params.theta, len(xs) * params.theta))
    expected = turn[None] * jax.lax.complex(*carry)
    assert_close(last, Complex(expected.real, expected.imag))


def test_it_keeps_no_less_than_its_bound():
    params, carry, xs = drawn(CELL)
    b = jnp.full_like(params.b, -900.0)
    shut = params._replace(w_ih=0 * params.w_ih, b=b)
    new, _ = CELL.step(shut, carry, xs[0])
    size = lambda q: jnp.sqrt(q.re**2 + q.im**2)
    assert_close(size(new), 0.4 * size(carry))


def test_its_first_angles_are_those_of_the_paper():
    params = CELL.init(KEY, 3)
    assert type(params) is linear_rnn.ComplexHGRNParams
    assert_close(params.theta, jnp.array([1, 1e-2, 1e-4, 1e-6], "float32"))
    assert (params.gain == 1).all()
    assert not params.b_norm.any()


BAD = {
    "ComplexHGRN: lower_bound is 1.0; expected from 0 to": {"lower_bound": 1.0},
    "ComplexHGRN: lower_bound is str": {"lower_bound": "low"},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_options_are_refused_by_name(message):
    with pytest.raises((TypeError, ValueError)) as error:
        recur.ComplexHGRN(4, **BAD[message])
    assert message in str(error.value)
