"""The mLSTM layer of xLSTM 7B: its sizes, first params and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur.linear_rnn import MLSTMLayer, MLSTMLayerParams


def test_keys_are_half_as_wide_as_values_unless_told():
    assert MLSTMLayer(8, heads=2) != MLSTMLayer(8, heads=2, key_features=8)
    for cell, keys, values in (
        (MLSTMLayer(8, heads=2), 2, 4),
        (MLSTMLayer(8, heads=2, key_features=6, value_features=12), 3, 6),
    ):
        assert cell.init_carry((5,)).s.shape == (5, 2, keys, values + 1)


def test_gates_start_shut_to_write_and_open_to_forget():
    params = MLSTMLayer(8, heads=4).init(jax.random.key(0), 3)
    assert isinstance(params, MLSTMLayerParams)
    np.testing.assert_array_equal(params.b_gates, [-10] * 4 + [3, 4, 5, 6])
    assert not params.w_gates.any()


def test_gates_stay_within_the_cap():
    cell = MLSTMLayer(4, heads=2, cap=3.0)
    params = cell.init(jax.random.key(0), 4)
    params = params._replace(b_gates=jnp.full(4, 1e4))
    carry, _ = cell.step(params, cell.init_carry(), jnp.ones(4))
    np.testing.assert_allclose(carry.m, 3.0)


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"key_features": 3}, ValueError, "key_features is 3 and heads 2; expected"),
        ({"value_features": 5}, ValueError, "value_features is 5 and heads 2; expe"),
        ({"key_features": 0}, ValueError, "key_features is 0; expected a positive"),
        ({"value_features": "4"}, TypeError, "value_features is str '4'; expected"),
        ({"cap": 0.0}, ValueError, "cap is float 0.0; expected a finite number"),
    ],
)
def test_what_does_not_fit_is_refused(options, kind, match):
    with pytest.raises(kind, match=match):
        MLSTMLayer(4, heads=2, **options)
