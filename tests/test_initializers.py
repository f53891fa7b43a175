"""Initialisers: what their papers promise of them, per gate."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import initializers

KEY = jax.random.key(0)
CELLS = {"elman": (recur.Elman, 1), "lstm": (recur.LSTM, 4), "gru": (recur.GRU, 3)}


@pytest.fixture(params=CELLS.values(), ids=CELLS.keys())
def make(request):
    """A way to make a cell and the number of its gates."""
    return request.param


def test_recurrent_weights_are_orthogonal_per_gate(make):
    cell, gates = make
    w_hh = cell(16).init(KEY, 8).w_hh
    per_gate = np.split(np.asarray(w_hh), gates, axis=-1)
    for w in per_gate:
        np.testing.assert_allclose(w @ w.T, np.eye(16), atol=1e-5)
    for one, other in itertools.pairwise(per_gate):
        assert np.abs(one - other).max() > 0.1


def test_what_is_drawn_when_nothing_is_said(make):
    cell, _ = make
    spelled = cell(
        6,
        kernel_init=initializers.Glorot(),
        recurrent_init=initializers.Orthogonal(),
        bias_init=initializers.Zeros(),
    )
    assert spelled == cell(6)
    params = cell(6).init(KEY, 3)
    jax.tree.map(np.testing.assert_array_equal, spelled.init(KEY, 3), params)


def test_identity_per_gate(make):
    cell, gates = make
    w_hh = cell(4, recurrent_init=initializers.Identity(0.5)).init(KEY, 3).w_hh
    np.testing.assert_array_equal(w_hh, np.tile(0.5 * np.eye(4), gates))


def test_glorot_counts_the_fans_of_one_gate(make):
    cell, _ = make
    w_ih = np.asarray(cell(200).init(KEY, 100).w_ih)
    np.testing.assert_allclose(w_ih.std(), np.sqrt(2 / 300), rtol=0.02)
    assert np.abs(w_ih).max() <= np.sqrt(6 / 300)


def test_lecun_has_variance_one_over_the_inputs(make):
    cell, _ = make
    w_ih = np.asarray(cell(200, kernel_init=initializers.LeCun()).init(KEY, 100).w_ih)
    np.testing.assert_allclose(w_ih.std(), np.sqrt(1 / 100), rtol=0.02)


def test_uniform_is_the_recipe_of_torch(make):
    cell, _ = make
    uniform = initializers.Uniform()
    options = dict.fromkeys(("kernel_init", "recurrent_init", "bias_init"), uniform)
    for leaf in jax.tree.leaves(
        cell(64, **options).init(KEY, 10)._replace(b=np.zeros(1))
    ):
        assert np.abs(leaf).max() <= 1 / 8


def test_flax_style_initialisers_are_taken(make):
    cell, _ = make
    ones = jax.nn.initializers.constant(1.0)
    np.testing.assert_array_equal(cell(4, kernel_init=ones).init(KEY, 3).w_ih, 1)


@pytest.mark.parametrize("name", initializers.__all__)
def test_initialisers_are_values(name):
    kind = getattr(initializers, name)
    args = (10,) if name == "Chrono" else ()
    assert kind(*args) == kind(*args)
    assert hash(kind(*args)) == hash(kind(*args))


@pytest.mark.parametrize("name", initializers.__all__)
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_initialisers_keep_the_dtype(name, dtype):
    kind = getattr(initializers, name)
    init = kind(10) if name == "Chrono" else kind()
    assert init(KEY, (4, 4), dtype).dtype == dtype


def test_chrono_needs_a_lag():
    with pytest.raises(ValueError, match="max_lag is 2"):
        initializers.Chrono(2)


def test_one_key_gives_one_result_and_another_key_another():
    cell = recur.LSTM(4)
    same = [cell.init(jax.random.key(n), 3).w_ih for n in (0, 0, 1)]
    np.testing.assert_array_equal(same[0], same[1])
    assert np.abs(same[0] - same[2]).max() > 0
