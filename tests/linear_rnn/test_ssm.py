"""Complex diagonal state spaces against what they discretise, and as they start."""

import math
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.signal import cont2discrete

import recur
from recur import LRU, S4D, S5
from recur.linear_rnn import Complex
from recur.linear_rnn.complex_pair import divided, exp, scaled, times
from recur.linear_rnn.diagonal import DiagonalCell
from recur.linear_rnn.discretize import (
    bilinear,
    mean_growth,
    zero_order_hold,
)
from recur.linear_rnn.eigenbasis import entering, leaving
from recur.linear_rnn.hippo import legs, normal_part
from tests.support.draw import assert_close, quickly, random_like
from tests.support.interpreter import interpreted

pytestmark = pytest.mark.usefixtures("x64")

KEY, H, T = jax.random.key(0), 3, 6
CELLS = {
    "lru": LRU(H, state_size=4, dtype="float64"),
    "s4d": S4D(H, state_size=4, dtype="float64"),
    "s5": S5(H, state_size=8, blocks=2, dtype="float64"),
    "s5-whole": S5(
        H,
        state_size=4,
        blocks=1,
        discretization="bilinear",
        conj_sym=False,
        dtype="float64",
    ),
}
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
exact = partial(np.testing.assert_allclose, rtol=1e-11, atol=1e-12)


def in_complex(z):
    return np.asarray(z.re) + 1j * np.asarray(z.im)


def in_pairs(z):
    return Complex(jnp.asarray(z.real), jnp.asarray(z.imag))


def draw(*shape):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@cache
def start(cell):
    return quickly(lambda key: cell.init(key, H))(KEY)


def rolled(cell, params, carry, xs):
    roll = partial(recur.unroll, cell, implementation="scan")
    return interpreted(roll)(params, carry, xs)


def test_pairs_are_complex_numbers():
    a, b, t = draw(4), draw(2, 4), np.arange(8.0).reshape(2, 4)
    exact(in_complex(times(in_pairs(a), in_pairs(b))), a * b)
    exact(in_complex(divided(in_pairs(b), in_pairs(b[::-1]))), b / b[::-1])
    exact(in_complex(exp(in_pairs(a))), np.exp(a))
    exact(in_complex(scaled(in_pairs(a), jnp.asarray(t))), a * t)


SIZES = (0, 1e-12, 1e-3, 0.5, 0.999, 1.001, 2 * np.pi, 30)


def growth(z, order):
    """A derivative of ``(exp(z) - 1) / z``, by its series or by hand."""
    if abs(z) > 1:
        p, e = (np.exp(z) - 1) / z, np.exp(z)
        return [p, (e - p) / z, (e - 2 * (e - p) / z) / z][order]
    terms = range(order, 25)
    fall = [math.perm(n, order) / math.factorial(n + 1) for n in terms]
    return sum(a * z ** (n - order) for a, n in zip(fall, terms, strict=True))


def test_mean_growth_and_its_slopes():
    z = np.outer(SIZES, np.exp(1j * np.arange(8) * np.pi / 4)).reshape(-1)

    def along(t):  # One direction tells all, of a function that is analytic.
        return mean_growth(Complex(in_pairs(z).re + t, in_pairs(z).im))

    slope = lambda t: jax.jvp(along, (t,), (jnp.float64(1),))[1]
    curve = lambda t: jax.jvp(slope, (t,), (jnp.float64(1),))[1]
    scale = np.maximum(1, np.exp(z.real))
    for order, function in enumerate((along, slope, curve)):
        found = in_complex(interpreted(function)(jnp.float64(0)))
        expected = np.array([growth(u, order) for u in z])
        np.testing.assert_allclose(found / scale, expected / scale, atol=2e-14)


def dense(cell, params):
    """The matrices ``A`` and ``B`` of each channel, or of all, over complex numbers."""
    dt = np.exp(params.log_dt)
    if isinstance(cell, S4D):
        rate = -np.exp(params.log_decay) + 1j * np.asarray(params.frequency)
        return [
            (np.diag(r), np.ones((r.size, 1)), t) for r, t in zip(rate, dt, strict=True)
        ]
    rate = np.asarray(params.lambda_re) + 1j * np.asarray(params.lambda_im)
    re, im = np.split(np.asarray(params.w_ih), 2, -1)
    # Each state has a step of its own.
    rows = zip(rate, (re + 1j * im).T, dt, strict=True)
    return [(np.diag([r]), b[None], t) for r, b, t in rows]


@pytest.mark.parametrize(
    ("name", "way"), [("s4d", "zoh"), ("s5", "zoh"), ("s5-whole", "bilinear")]
)
def test_discretization_is_that_of_scipy(name, way):
    cell = CELLS[name]
    params = start(cell)
    a, b = interpreted(cell.elements)(params, jnp.eye(H))
    for n, (A, B, dt) in enumerate(dense(cell, params)):
        C, D = np.zeros((1, len(A))), np.zeros((1, B.shape[1]))
        expected_a, expected_b, *_ = cont2discrete((A, B, C, D), dt, method=way)
        exact(np.diag(expected_a), np.atleast_1d(in_complex(a)[n]))
        columns = in_complex(b)[n, n][:, None] if name == "s4d" else in_complex(b)[:, n]
        exact(expected_b.squeeze(), columns.squeeze())
        if way == "zoh":
            whole = np.block([[A, B], [np.zeros((B.shape[1], len(A) + B.shape[1]))]])
            exact(expm(dt * whole)[: len(A), len(A) :].squeeze(), columns.squeeze())


def test_ways_agree_where_steps_are_short():
    rate, dt = in_pairs(draw(5)), jnp.full(5, 1e-4)
    for one, other in zip(zero_order_hold(rate, dt), bilinear(rate, dt), strict=True):
        np.testing.assert_allclose(in_complex(one), in_complex(other), atol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 8, 33])
def test_hippo_is_taken_apart(size):
    n = np.arange(size)
    p = np.sqrt(n + 0.5)
    values, vectors = normal_part(size)
    unit = vectors.conj().T @ vectors
    exact(unit, np.eye(size))
    exact(
        (vectors * values) @ vectors.conj().T - np.outer(p, p), legs(size), atol=1e-10
    )
    exact(values.real, -0.5)
    exact(values, values[::-1].conj(), atol=1e-10)
    # Legendre coefficients of a signal that is one forever stay as they are.
    still = legs(size)[:, 0] * -1 / np.sqrt(2 * n + 1)
    exact(still, np.ones(size))


@pytest.mark.parametrize("conj_sym", [True, False])
def test_in_the_eigenbasis_it_is_the_dense_system(conj_sym):
    """All outputs of the HiPPO system, with the weights before they are taken there."""
    rng, n, blocks = np.random.default_rng(0), 4, 2
    b, c = rng.normal(size=(n * blocks, H)), rng.normal(size=(n * blocks, H))
    kept = n // 2 if conj_sym else n
    values, vectors = (part[..., :kept] for part in normal_part(n))
    w_ih = entering(jnp.asarray(b), vectors, blocks)
    both = jnp.concatenate([jnp.asarray(c), jnp.zeros_like(c)], -1)
    cell = S5(H, state_size=n * blocks, blocks=blocks, conj_sym=conj_sym)
    params = start(cell)._replace(w_ih=w_ih, w_ho=leaving(both, vectors, blocks))
    rate = np.tile(values, blocks)
    params = params._replace(lambda_re=rate.real, lambda_im=rate.imag)
    params = params._replace(d=jnp.zeros(H), log_dt=jnp.full(len(rate), -2.0))
    normal = legs(n) + np.outer(*[np.sqrt(np.arange(n) + 0.5)] * 2)
    A = np.kron(np.eye(blocks), normal)
    a, gain, *_ = cont2discrete((A, b, c.T, np.zeros((H, H))), np.exp(-2.0), "zoh")
    xs, q, expected = rng.normal(size=(T, H)), np.zeros(n * blocks), []
    for x in xs:
        q = a @ q + gain @ x
        expected.append(q @ c)
    wide = jax.tree.map(lambda p: jnp.asarray(p, jnp.float64), params)
    carry = jax.tree.map(lambda s: s.astype(jnp.float64), cell.init_carry())
    exact(rolled(cell, wide, carry, jnp.asarray(xs))[1], expected)


def test_s4d_is_a_convolution_with_its_kernel():
    cell = CELLS["s4d"]
    params, xs = start(cell), random_like(1, jnp.zeros((T, H)))
    rate = -np.exp(params.log_decay) + 1j * np.asarray(params.frequency)
    a = np.exp(np.exp(params.log_dt)[:, None] * rate)
    c = np.asarray(params.c_re) + 1j * np.asarray(params.c_im)
    powers = a ** np.arange(T)[:, None, None]
    kernel = 2 * np.real(np.sum(c * (a - 1) / rate * powers, -1))
    past = [
        sum(kernel[t - s] * np.asarray(xs)[s] for s in range(t + 1)) for t in range(T)
    ]
    ys = rolled(cell, params, cell.init_carry(), xs)[1]
    exact(ys, np.stack(past) + np.asarray(params.d * 1) * np.asarray(xs))


def eigenvalues(cell, params):
    return in_complex(interpreted(cell.elements)(params, jnp.zeros(H))[0])


@every_cell
def test_without_input_states_turn_and_fade(cell):
    assert isinstance(cell, DiagonalCell)
    params = start(cell)
    carry = random_like(2, cell.init_carry())
    last, _ = rolled(cell, params, carry, jnp.zeros((T, H)))
    exact(in_complex(last), eigenvalues(cell, params) ** T * in_complex(carry))


def test_lru_answers_an_impulse():
    cell = CELLS["lru"]
    params, lam = start(cell), eigenvalues(cell, start(cell))
    w_ih, w_ho = np.asarray(params.w_ih), np.asarray(params.w_ho)
    (b_re, b_im), (c_re, c_im) = np.split(w_ih, 2, -1), np.split(w_ho, 2)
    impulse = jnp.zeros((T, H)).at[0, 1].set(1.0)
    entered = np.exp(params.gamma) * (b_re + 1j * b_im)[1]
    powers = lam ** np.arange(T)[:, None]
    expected = np.real((powers * entered) @ (c_re + 1j * c_im))
    expected[0] += np.asarray(params.d) * np.eye(H)[1]
    exact(rolled(cell, params, cell.init_carry(), impulse)[1], expected)


@pytest.mark.parametrize("name", ["s4d", "s5"])
def test_an_input_that_is_held_may_be_sampled_faster(name):
    cell = CELLS[name]
    params, xs = start(cell), random_like(3, jnp.zeros((T, H)))
    twice = params._replace(log_dt=params.log_dt - jnp.log(2.0))
    slow, ys = rolled(cell, params, cell.init_carry(), xs)
    fast, more = rolled(cell, twice, cell.init_carry(), jnp.repeat(xs, 2, axis=0))
    assert_close((slow, ys), (fast, more[1::2]))


def test_clipped_eigenvalues_do_not_grow():
    cell = S5(H, state_size=4, blocks=1, clip_eigs=True)
    params = start(cell)._replace(lambda_re=jnp.array([3.0, -3.0], "float32"))
    sizes = np.abs(eigenvalues(cell, params))
    dt = np.exp(params.log_dt)
    np.testing.assert_allclose(sizes, np.exp([-1e-4, -3] * dt), rtol=1e-6)


def test_a_state_that_stands_still_sums_its_input():
    cell = CELLS["s5"]
    params = jax.tree.map(jnp.zeros_like, start(cell))
    params = params._replace(w_ih=jnp.ones_like(params.w_ih))
    xs = jnp.ones((T, H))

    def last(params):
        carry, _ = recur.unroll(cell, params, None, xs, implementation="scan")
        return carry.re

    exact(interpreted(last)(params), H * T)
    slopes = interpreted(jax.jacrev(last))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_a_state_on_the_real_axis_is_a_sum_of_exponentials():
    cell = S4D(1, state_size=4, spectrum="real", dtype="float64")
    params = cell.init(KEY, 1)
    impulse = jnp.zeros((T, 1)).at[0].set(1.0)
    ys = rolled(cell, params._replace(d=jnp.zeros(1)), cell.init_carry(), impulse)[1]
    a = np.exp(np.exp(params.log_dt) * -np.array([1.0, 2.0]))
    weights = 2 * np.asarray(params.c_re)[0] * (1 - a) / np.array([1.0, 2.0])
    exact(ys[:, 0], [np.sum(weights * a**t) for t in range(T)])
