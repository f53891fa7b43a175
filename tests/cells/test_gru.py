"""The GRU: polarity of the update gate, and the biases it starts from."""

import jax
import numpy as np
import pytest

import recur
from recur import initializers
from tests.reference.gru import gru_first_form


def test_flip_update_turns_the_textbook_weights_into_ours():
    rng = np.random.default_rng(0)
    w = {gate: rng.normal(size=(5, 8)) for gate in "rzn"}
    b = {gate: rng.normal(size=5) for gate in "rzn"}
    h, xs = rng.normal(size=(2, 5)), rng.normal(size=(7, 2, 3))
    _, expected = gru_first_form(*(w[g] for g in "rzn"), *(b[g] for g in "rzn"), h, xs)
    textbook = recur.GRUParams(
        w_ih=np.concatenate([w[g][:, 5:].T for g in "rzn"], axis=-1).astype(np.float32),
        w_hh=np.concatenate([w[g][:, :5].T for g in "rzn"], axis=-1).astype(np.float32),
        b=np.concatenate([b[g] for g in "rzn"]).astype(np.float32),
        b_hn=None,
    )
    cell = recur.GRU(5, reset_after=False)
    args = h.astype(np.float32), xs.astype(np.float32)
    _, ys = recur.unroll(cell, recur.gru_flip_update(textbook), *args)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
    with pytest.raises(AssertionError):  # Unconverted it is another function.
        np.testing.assert_allclose(
            recur.unroll(cell, textbook, *args)[1], expected, atol=1e-2
        )


@pytest.mark.parametrize("reset_after", [True, False])
def test_flip_update_undoes_itself_exactly(reset_after):
    cell = recur.GRU(4, reset_after=reset_after, bias_init=initializers.Uniform())
    params = cell.init(jax.random.key(0), 3)
    twice = recur.gru_flip_update(recur.gru_flip_update(params))
    jax.tree.map(np.testing.assert_array_equal, twice, params)


def test_update_bias():
    b = recur.GRU(4, update_bias=1.5).init(jax.random.key(0), 3).b
    np.testing.assert_array_equal(b, np.repeat([0.0, 1.5, 0.0], 4))
    chrono = recur.GRU(4, update_bias=initializers.Chrono(50)).init(
        jax.random.key(0), 3
    )
    assert (np.asarray(chrono.b)[4:8] > 0).all()


def test_params_of_the_other_form_are_refused():
    params = recur.GRU(4).init(jax.random.key(0), 3)
    x, h = np.ones(3, np.float32), np.zeros(4, np.float32)
    with pytest.raises(ValueError, match=r"b_hn is float32\[4\].*expected None"):
        recur.gru_step(params, h, x, reset_after=False)
    with pytest.raises(ValueError, match=r"b_hn is None.*expected an array"):
        recur.gru_step(params._replace(b_hn=None), h, x)
