"""How complex diagonal state spaces start, and what they refuse."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur import LRU, S4D, S5
from recur.linear_rnn.discretize import check_steps, draw_log_steps
from recur.linear_rnn.hippo import normal_part

pytestmark = pytest.mark.usefixtures("x64")

KEY, H, T = jax.random.key(0), 3, 6


def eigenvalues(params):
    nu, theta = (np.asarray(a, np.float64) for a in (params.nu, params.theta))
    return np.exp(-np.exp(nu) + 1j * np.exp(theta))


@pytest.mark.parametrize("ring", [(0.0, 1.0), (0.9, 0.999), (0.0, 0.1)])
def test_lru_starts_on_its_ring(ring):
    cell = LRU(H, state_size=4000, r_min=ring[0], r_max=ring[1], max_phase=0.5)
    params = cell.init(KEY, H)
    lam = eigenvalues(params)
    size, (low, high) = np.abs(lam), ring
    assert size.min() >= low - 1e-6
    assert size.max() <= high
    assert 0 <= np.angle(lam).min() <= np.angle(lam).max() <= 0.5
    # Uniform by area, and a white input keeps its size in each state.
    np.testing.assert_allclose(np.mean(size**2), (low**2 + high**2) / 2, rtol=0.03)
    kept = np.exp(2 * np.asarray(params.gamma, "float64")) / (1 - size**2)
    np.testing.assert_allclose(kept, 1, rtol=1e-2)


def test_lru_at_the_ends_of_its_ring_is_finite(monkeypatch):
    for end in (0.0, 1.0):
        ends = lambda key, shape, dtype, low=0.0, high=1.0, end=end: jnp.full(
            shape, low + end * (high - low), dtype
        )
        monkeypatch.setattr(jax.random, "uniform", ends)
        for dtype in ("bfloat16", "float32", "float64"):
            params = LRU(H, max_phase=1.0, dtype=dtype).init(KEY, H)
            assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


def test_first_weights_have_the_sizes_of_the_papers():
    n = 64
    lru = LRU(n, state_size=2 * n).init(KEY, n)
    s4d = S4D(n, state_size=n).init(KEY, n)
    s5 = S5(n, state_size=4 * n, blocks=4).init(KEY, n)
    for values, deviation in (
        (lru.w_ih, (2 * n) ** -0.5),
        (lru.w_ho, (2 * n) ** -0.5),
        (s4d.c_re, 0.5**0.5),
        (s4d.c_im, 0.5**0.5),
        # Half of the eigenvectors have half of the energy of a real vector.
        (s5.w_ih, (4 * n) ** -0.5 / 2**0.5),
        (s5.w_ho, (4 * n) ** -0.5),
        (jnp.concatenate([lru.d, s4d.d, s5.d]), 1.0),
    ):
        np.testing.assert_allclose(np.std(values), deviation, rtol=0.1)


def test_first_steps_are_uniform_by_their_logarithm():
    drawn = draw_log_steps(KEY, (4000,), (1e-3, 1e-1), "float32")
    assert math.log(1e-3) <= drawn.min() <= drawn.max() <= math.log(1e-1) + 1e-6
    np.testing.assert_allclose(np.mean(drawn), math.log(1e-2), rtol=0.02)
    params = S5(H, state_size=8, blocks=1, dt_min=0.5, dt_max=0.5).init(KEY, H)
    np.testing.assert_allclose(params.log_dt, math.log(0.5), rtol=1e-6)


def test_first_eigenvalues_are_those_of_the_papers():
    n, pair = 8, np.arange(4)
    expected = {
        "lin": -0.5 + 1j * np.pi * pair,
        "inv": -0.5 + 1j * n / np.pi * (n / (2 * pair + 1) - 1),
        "real": -(pair + 1) + 0j,
        "legs": normal_part(n)[0][4:],
    }
    for spectrum, rate in expected.items():
        params = S4D(H, state_size=n, spectrum=spectrum).init(KEY, H)
        found = -np.exp(params.log_decay) + 1j * np.asarray(params.frequency)
        np.testing.assert_allclose(found, np.tile(rate, (H, 1)), rtol=1e-5)
    params = S5(H, state_size=16, blocks=2).init(KEY, H)
    found = np.asarray(params.lambda_re) + 1j * np.asarray(params.lambda_im)
    np.testing.assert_allclose(found, np.tile(normal_part(n)[0][:4], 2), rtol=1e-5)
    assert (found.imag < 0).all()


BAD = [
    (lambda: LRU(3, r_min=0.5, r_max=0.5), "r_min is 0.5 and r_max 0.5"),
    (lambda: LRU(3, r_min=-0.1), "r_min is -0.1"),
    (lambda: LRU(3, r_max=1.1), "r_max 1.1"),
    (lambda: LRU(3, r_min="a"), "r_min is str 'a'"),
    (lambda: LRU(3, max_phase=0.0), "max_phase is float 0.0"),
    (lambda: LRU(3, state_size=0), "state_size is 0"),
    (lambda: LRU(3).init(KEY, 4), "the input size is 4"),
    (lambda: S4D(3).init(KEY, 4), "the input size is 4"),
    (lambda: S5(3).init(KEY, 4), "the input size is 4"),
    (lambda: S4D(3, state_size=5), "state_size is 5"),
    (lambda: S4D(3, spectrum="log"), "spectrum is 'log'"),
    (lambda: S4D(3, dt_min=0.0), "dt_min is float 0.0"),
    (lambda: S5(3, dt_min=0.2), "dt_min is 0.2 and dt_max 0.1"),
    (lambda: S5(3, state_size=12, blocks=4), "state_size is 12 and blocks 4"),
    (lambda: S5(3, state_size=8, blocks=0), "blocks is 0"),
    (lambda: S5(3, discretization="euler"), "discretization is 'euler'"),
    (lambda: S5(3, conj_sym=1), "conj_sym is int 1"),
    (lambda: S5(3, clip_eigs="yes"), "clip_eigs is str 'yes'"),
    (lambda: check_steps("doc", 1.0, 0.5), "dt_min is 1.0 and dt_max 0.5"),
]


@pytest.mark.parametrize(("make", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_input_is_refused(make, said):
    with pytest.raises((TypeError, ValueError), match=said) as refused:
        make()
    assert "expected" in str(refused.value)


@pytest.mark.parametrize(
    "cell", [LRU(H), S4D(H, state_size=4), S5(H, state_size=8, blocks=1)]
)
def test_an_input_of_another_size_is_refused(cell):
    params, carry = cell.init(KEY, H), cell.init_carry((2,))
    with pytest.raises(ValueError, match="expected a last axis of 3"):
        cell.step(params, carry, jnp.ones((2, H + 1)))
