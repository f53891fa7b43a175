"""Bad options of gated linear cells are refused in a sentence that names them."""

import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.linear_rnn.gated_decay import check_heads
from tests.linear_rnn.drawn import KEY, SIZE, H

BAD = {
    "QRNN: width is 0": lambda: recur.QRNN(4, width=0),
    "QRNN: width is float 1.5": lambda: recur.QRNN(4, width=1.5),
    "QRNN: pooling is 'of'; expected one of f, fo, ifo": lambda: recur.QRNN(
        4, pooling="of"
    ),
    "MinLSTM: positive is int 1": lambda: recur.MinLSTM(4, positive=1),
    "SRU: projection is None": lambda: recur.SRU(4, projection=None),
    "SRU: highway_bias is float nan": lambda: recur.SRU(4, highway_bias=np.nan),
    "SRU.init: input_size is 3; expected 4": lambda: recur.SRU(4).init(KEY, 3),
    "HGRN: lower_bound is 1.0; expected": lambda: recur.HGRN(4, lower_bound=1.0),
    "HGRN: lower_bound is -0.1; expected": lambda: recur.HGRN(4, lower_bound=-0.1),
    "HGRN: lower_bound is str": lambda: recur.HGRN(4, lower_bound="low"),
    "RGLRU: heads is 3; expected a divisor of hidden_size, which is 4": (
        lambda: recur.RGLRU(4, heads=3)
    ),
    "RGLRU: heads is 0": lambda: recur.RGLRU(4, heads=0),
    "RGLRU.init: the input size is 3": lambda: recur.RGLRU(4).init(KEY, 3),
    "GriffinBlock: heads is 3; expected a divisor of recurrent_size, which is 4": (
        lambda: recur.GriffinBlock(6, recurrent_size=4, heads=3)
    ),
    "GriffinBlock: width is 0": lambda: recur.GriffinBlock(6, width=0),
    "GriffinBlock: recurrent_size is -1": lambda: recur.GriffinBlock(
        6, recurrent_size=-1
    ),
    "QRNN.init_carry: params is None": lambda: recur.QRNN(4).init_carry((2,)),
    "TGRU.init_carry: params is None": lambda: recur.TGRU(4).init_carry((2,)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_by_name(message):
    with pytest.raises((TypeError, ValueError)) as error:
        BAD[message]()
    assert message in str(error.value)


def test_heads_divide():
    assert check_heads("doc", 3, "size", 6) is None


def test_a_step_refuses_what_is_not_its_size():
    sru, unit = recur.SRU(H), recur.RGLRU(H)
    p, q, h = sru.init(KEY, H), unit.init(KEY, H), jnp.zeros(H, "float32")
    x = jnp.zeros(SIZE, "float32")
    for cell, params in ((sru, p), (unit, q)):
        with pytest.raises(ValueError, match=r"x is float32\[3\]; expected a last"):
            cell.step(params, h, x)
    with pytest.raises(ValueError, match=r"params.w_ih is float32\[3, 12\]; expected"):
        sru.step(p._replace(w_ih=p.w_ih[:SIZE]), h, h)
