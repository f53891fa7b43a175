"""RecurrentGemma's recurrent block and unit: as transformers computes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.recurrentgemma import from_recurrentgemma, to_recurrentgemma
from recur.linear_rnn import LRU, RGLRU, GriffinBlock
from tests.interop.agreement import random_params
from tests.interop.released import assert_agrees, live, part, recorded

KINDS = {"griffin": GriffinBlock, "rg_lru": RGLRU}


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_are_those_recorded(kind):
    data = recorded(kind)
    assert_agrees(from_recurrentgemma, data)
    assert isinstance(from_recurrentgemma(part(data, "w/"))[0], KINDS[kind])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("griffin", {"hidden_size": 6, "lru_width": 6, "heads": 1, "width": 4}),
        ("rg_lru", {"lru_width": 6, "heads": 3}),
    ],
)
def test_outputs_and_gradients_are_those_of_a_live_layer(kind, sizes):
    assert_agrees(from_recurrentgemma, live(kind, **sizes))


def test_sizes_are_read():
    cell, params = from_recurrentgemma(part(recorded("griffin"), "w/"))
    assert cell == GriffinBlock(4, recurrent_size=6, heads=2, width=3)
    assert params.w_gates.shape == (2, 3, 6)


def test_the_first_step_of_theirs_is_not_scaled():
    """What the module says of the one difference: i x, where ours is scaled."""
    cell, params = from_recurrentgemma(part(recorded("rg_lru"), "w/"))
    x = jnp.asarray(recorded("rg_lru")["x"][:, 0])
    _, ours = cell.step(params, cell.init_carry((2,)), x)
    w_i, b_i = params.w_gates[..., 3:], params.b[6:]
    i = jnp.einsum("bhk,hko->bho", x.reshape(2, 2, 3), w_i).reshape(2, 6) + b_i[None]
    scaled = np.asarray(ours / (jax.nn.sigmoid(i) * x))
    assert ((scaled > 0) & (scaled < 1)).all()


def changed(name, shape, dtype=np.float32):
    return part(recorded("griffin"), "w/") | {name: np.ones(shape, dtype)}


@pytest.mark.parametrize(
    ("source", "kind", "match"),
    [
        (changed("conv_1d.weight", (6, 3)), ValueError, "conv_1d.weight .* 3 axes"),
        (changed("conv_1d.weight", (5, 1, 3)), ValueError, r"\(6, 1, 3\)"),
        (changed("linear_out.weight", (4, 7)), ValueError, r"linear_y.*\(7, 4\)"),
        (changed("rg_lru.recurrent_gate_weight", (2, 3, 4)), ValueError, r"\(2, 3, 3"),
        (changed("rg_lru.recurrent_gate_weight", (4, 3, 3)), ValueError, r"\(12,\)"),
        (changed("rg_lru.recurrent_param", (6,), np.int8), TypeError, "int8.*float32"),
        (changed("linear_x.bias", (6,), np.float16), ValueError, "one dtype"),
        (changed("linear_x.scale", (6,)), ValueError, "also has linear_x.scale"),
    ],
)
def test_weights_that_do_not_fit_are_refused(source, kind, match):
    with pytest.raises(kind, match=match):
        from_recurrentgemma(source)


def test_a_block_that_lacks_a_weight_is_not_taken_for_its_unit():
    source = part(recorded("griffin"), "w/")
    del source["linear_y.weight"]
    with pytest.raises(ValueError, match=r"lacks linear_y.weight"):
        from_recurrentgemma(source)


def test_cells_of_other_kinds_and_sizes_are_refused():
    cell = GriffinBlock(4)
    with pytest.raises(TypeError, match="expected GriffinBlock or RGLRU"):
        to_recurrentgemma(LRU(4), random_params(LRU(4), 4))  # pyright: ignore
    with pytest.raises(TypeError, match="expected GriffinParams"):
        to_recurrentgemma(cell, random_params(RGLRU(4), 4))
    with pytest.raises(ValueError, match=r"w_ih is float32\[3, 8\].*\(4, 8\)"):
        to_recurrentgemma(cell, random_params(cell, 3))
    stack = recur.Stack((cell,))
    with pytest.raises(TypeError, match="inside a wrapper"):
        to_recurrentgemma(stack, random_params(stack, 4))  # pyright: ignore
