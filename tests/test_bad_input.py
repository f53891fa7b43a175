"""Bad input of every kind is refused in one sentence that names the argument.

Each function is called with good arguments of which one is replaced: by a class, text,
a number, infinity, an object, a list of text, a foreign tensor and so on.
"""

import re
from functools import partial
from types import SimpleNamespace

import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import recur
from recur import GRU, LSTM
from recur import _arguments as arguments
from recur.attention import AttentionPool
from recur.decoding import beam_search, sample
from recur.diagnostics import (
    carry_gradients,
    effective_memory,
    gate_saturation,
    log_growths,
)
from recur.initializers import Chrono, Identity, Orthogonal, Uniform
from recur.interop.cudnn import from_cudnn
from recur.interop.haiku import to_haiku
from recur.interop.keras import to_keras
from recur.interop.onnx import Reversed, to_onnx
from recur.interop.torch import to_torch
from recur.linen import RNN
from recur.nnx import RNN as NNXRNN
from recur.online import RTRL
from recur.training import (
    DynamicScale,
    StaticScale,
    TruncatedBPTT,
    make_train_step,
    split_batch,
    tbptt,
)

CELL, KEY = GRU(4), jax.random.key(0)
PARAMS, CARRY, XS = CELL.init(KEY, 3), CELL.init_carry((2,)), jnp.ones((5, 2, 3))
WEIGHTS = {"cell": LSTM(4), "params": LSTM(4).init(KEY, 3)}
DONE = RTRL(CELL, lambda y, target: (y - target) ** 2)
ROLL = {"step": CELL, "params": PARAMS, "carry": CARRY, "xs": XS}
LOSS = {"loss_fn": DONE.loss_fn, "targets": jnp.ones((5, 2, 4))}


class Tensor(SimpleNamespace):
    """An array of another library."""

    def numpy(self):
        return np.ones(self.shape)


TENSOR = Tensor(shape=(5, 2, 3), dtype="float32")
TEXTS = np.array(["a", "b"])
BOOLS = ("yes", 1, None, GRU, jnp.ones(2, bool))
SIZES = (0, -1, 1.5, True, "3", None, GRU)
NUMBERS = (np.nan, np.inf, True, "1", None, GRU)
ABOVE = (*NUMBERS, 0, -1.0)
FUNCTIONS = ("tanh", 5, None, GRU, jnp.ones(2))
CELLS = ("gru", 5, None, GRU, object(), [CELL])
TREES = ("text", {"name": "mine"}, GRU, object(), TENSOR, TEXTS, range(5), len)
ARRAYS = ("text", 5, None, GRU, object(), TENSOR, jnp.arange(3))
DTYPES = ("real", 5, int, object())
ROLLED = {"step": CELLS, "params": TREES, "carry": TREES, "xs": TREES}
FLAGS = {"mask": (*TREES, 5, XS), "reset": (*TREES, 5, XS), "time_major": BOOLS}
OPTIONS = {"seq_lengths": (*TREES, 1.5, XS[0, :, 0]), "remat": ("half", 0, 1.5, GRU)}

SPECIFICATION = {"hidden_size": SIZES, "compute_dtype": DTYPES}
SPECIFICATION |= {"dtype": (*DTYPES, None), "kernel_init": FUNCTIONS}
SPECIFICATION |= {"recurrent_init": FUNCTIONS, "bias_init": FUNCTIONS}
RETENTION = (np.inf, "chrono", None, True, Chrono)

# Function, good arguments, and bad ones by name.
TABLE = {
    "unroll": (
        recur.unroll,
        ROLL,
        ROLLED
        | FLAGS
        | OPTIONS
        | {"reset_carry": TREES, "reverse": BOOLS, "length": (-1, 1.5, "5", True)}
        | {"scan_unroll": SIZES, "invalid_ys": ("keep", 5, None, TEXTS)}
        | {"implementation": ("quick", 5, None, TEXTS)},
    ),
    "static_unroll": (
        recur.static_unroll,
        ROLL,
        {"step": CELLS, "xs": TREES, "reverse": BOOLS, **FLAGS},
    ),
    "unroll_loss": (recur.unroll_loss, ROLL | LOSS, {"loss_fn": FUNCTIONS}),
    "stream": (
        lambda xs, **given: list(recur.stream(chunks=xs, **given)),
        ROLL | {"xs": [XS]},
        {"step": CELLS, "params": TREES, **FLAGS},
    ),
    "sample": (
        sample,
        {"step": CELL, "params": PARAMS, "carry": CELL.init_carry(), "length": 3}
        | {
            "embed": partial(jax.nn.one_hot, num_classes=3),
            "prompt": jnp.arange(2),
            "key": KEY,
        },
        {"step": CELLS, "key": ARRAYS, "embed": FUNCTIONS, "length": SIZES}
        | {"top_k": (0, -1, 1.5, True, "3", GRU), "top_p": (np.nan, "1", GRU, 0, 1.5)}
        | {"end": (-1, 99, 1.5, True, "0", GRU)}
        | {"allowed": (*TREES, 5, np.zeros(4, bool), np.ones(2, bool))}
        | {"temperature": (*NUMBERS, -1.0), "prompt": ("ab", [0.5], 5, None, XS[:0])},
    ),
    "beam_search": (
        beam_search,
        {"step": CELL, "params": PARAMS, "carry": CELL.init_carry(), "length": 3}
        | {
            "embed": partial(jax.nn.one_hot, num_classes=3),
            "prompt": jnp.arange(2),
            "beams": 2,
            "end": 0,
        },
        {"step": CELLS, "embed": FUNCTIONS, "length": SIZES, "beams": SIZES}
        | {"end": (-1, 99, 1.5, True, "0", GRU), "length_penalty": (*NUMBERS, -1.0)}
        | {"prompt": ("ab", [0.5], 5, None, XS[:0]), "params": TREES},
    ),
    "draw_masks": (
        recur.draw_masks,
        {"cell": recur.Dropout(CELL, 0.5), "key": KEY, "params": PARAMS, "xs": XS},
        {"key": ARRAYS, "params": TREES, "xs": ARRAYS, "time_major": BOOLS},
    ),
    "last_output": (
        recur.last_output,
        {"ys": XS},
        {"ys": (*TREES, 5), "mask": (*TREES, 5), "seq_lengths": (*TREES, 1.5, [9])}
        | {"reverse": BOOLS, "time_major": BOOLS},
    ),
    "mean_output": (
        recur.mean_output,
        {"ys": XS},
        {"ys": (*TREES, 5), "mask": (*TREES, 5), "seq_lengths": (*TREES, 1.5, [9])}
        | {"time_major": BOOLS},
    ),
    "emit_carry": (recur.emit_carry, {"step": CELL}, {"step": CELLS}),
    "emit_named": (recur.emit_named, {"step": CELL}, {"step": CELLS}),
    "LSTM": (
        LSTM,
        {"hidden_size": 4},
        SPECIFICATION
        | {"peephole": BOOLS, "coupled": BOOLS, "forget_bias": RETENTION}
        | {"projection_size": (0, 1.5, "4", True)},
    ),
    "GRU": (
        GRU,
        {"hidden_size": 4},
        SPECIFICATION | {"reset_after": BOOLS, "update_bias": RETENTION},
    ),
    "Elman": (
        recur.Elman,
        {"hidden_size": 4},
        SPECIFICATION | {"activation": FUNCTIONS},
    ),
    "LayerNormLSTM": (
        recur.LayerNormLSTM,
        {"hidden_size": 4},
        SPECIFICATION | {"forget_bias": RETENTION, "eps": ABOVE},
    ),
    "LayerNormGRU": (
        recur.LayerNormGRU,
        {"hidden_size": 4},
        SPECIFICATION | {"update_bias": RETENTION, "eps": ABOVE},
    ),
    "lstm_init": (
        recur.lstm_init,
        {"key": KEY, "input_size": 3, "hidden_size": 4},
        {"key": ARRAYS, "input_size": SIZES, "hidden_size": SIZES, "peephole": BOOLS}
        | {"dtype": (*DTYPES, None), "kernel_init": FUNCTIONS},
    ),
    "gru_step": (
        recur.gru_step,
        {"params": PARAMS, "carry": CARRY, "x": XS[0]},
        {"params": (PARAMS[0], None, "w"), "carry": ARRAYS, "x": ARRAYS},
    ),
    "Dropout": (
        recur.Dropout,
        {"cell": CELL},
        {"cell": CELLS, "rate": (*NUMBERS, 1)},
    ),
    "RecurrentDropout": (recur.RecurrentDropout, {"cell": CELL}, {"per_step": BOOLS}),
    "ClipCell": (recur.ClipCell, {"cell": CELL}, {"cell": CELLS, "limit": ABOVE}),
    "ClipGradient": (recur.ClipGradient, {"cell": CELL}, {"limit": ABOVE}),
    "Highway": (
        recur.Highway,
        {"cell": CELL},
        {"transform_bias": NUMBERS, "kernel_init": FUNCTIONS, "dtype": DTYPES},
    ),
    "ResidualBlock": (
        recur.ResidualBlock,
        {"cell": CELL},
        {"cell": CELLS, "kernel_init": FUNCTIONS, "dtype": DTYPES},
    ),
    "Readout": (
        recur.Readout,
        {"cell": CELL, "output_size": 2},
        {"cell": CELLS, "output_size": SIZES, "activation": FUNCTIONS}
        | {"kernel_init": FUNCTIONS, "dtype": (*DTYPES, None), "compute_dtype": DTYPES},
    ),
    "Stack": (recur.Stack, {"cells": (CELL,)}, {"cells": (CELL, GRU, None, "ab", 5)}),
    "Reversed": (Reversed, {"cell": CELL}, {"cell": CELLS}),
    "Bidirectional": (
        recur.Bidirectional,
        {"forward": CELL},
        {"forward": CELLS, "merge": ("add", 5, None, [])},
    ),
    "Chrono": (Chrono, {"max_lag": 9}, {"max_lag": (*NUMBERS, 2)}),
    "Identity": (Identity, {}, {"scale": NUMBERS}),
    "Orthogonal": (Orthogonal, {}, {"scale": NUMBERS}),
    "Uniform": (Uniform, {}, {"bound": (np.inf, True, "1", 0, -1.0)}),
    "RTRL": (
        RTRL,
        {"step": CELL, "loss_fn": DONE.loss_fn},
        {"step": CELLS, "loss_fn": FUNCTIONS, "reset_carry": ("zeros", 5, GRU)},
    ),
    "RTRL.init": (
        DONE.init,
        {"params": PARAMS, "carry": CARRY, "x": XS[0], "target": CARRY},
        {"params": TREES, "carry": TREES, "x": TREES, "target": TREES}
        | {"mask": (*TREES, 5, XS), "reset": (*TREES, 5, XS)},
    ),
    "TruncatedBPTT": (
        TruncatedBPTT,
        {"step": CELL, "loss_fn": DONE.loss_fn, "window": 3},
        {"step": CELLS, "loss_fn": FUNCTIONS, "window": SIZES, "every": (0, "3", True)}
        | {"reset_carry": ("zeros", 5, GRU), "remat": OPTIONS["remat"]},
    ),
    "tbptt": (
        tbptt,
        ROLL | LOSS | {"window": 3},
        ROLLED | {"targets": TREES, "seq_lengths": OPTIONS["seq_lengths"]},
    ),
    "make_train_step": (
        make_train_step,
        {"loss_fn": DONE.loss_fn, "optimizer": optax.sgd(0.1)},
        {"loss_fn": FUNCTIONS, "optimizer": (optax.sgd, None, "sgd")}
        | {"accumulate": SIZES, "skip_nonfinite": BOOLS, "donate": BOOLS}
        | {"loss_scale": (np.inf, True, "2", 0)},
    ),
    "split_batch": (
        split_batch,
        {"batch": XS, "count": 5},
        {"batch": TREES, "count": SIZES, "axis": (-1, 0.0, "0", None, True)},
    ),
    "StaticScale": (StaticScale, {}, {"scale": ABOVE}),
    "DynamicScale": (DynamicScale, {}, {"initial": ABOVE, "period": SIZES}),
    "carry_gradients": (
        carry_gradients,
        ROLL | {"loss_fn": jnp.sum},
        ROLLED | {"loss_fn": FUNCTIONS},
    ),
    "log_growths": (
        log_growths,
        ROLL,
        ROLLED | {"count": SIZES, "key": ("0", 5, TENSOR), "batch_ndim": (3, -1, "1")},
    ),
    "gate_saturation": (gate_saturation, ROLL, {"low": NUMBERS, "high": NUMBERS}),
    "effective_memory": (
        effective_memory,
        ROLL,
        {"keepers": ("forget_gate", 5, None, (1, 2))},
    ),
    "linen.RNN": (
        lambda **given: RNN(**given).init(KEY, XS),
        {"cell": CELL},
        {"cell": CELLS, "stateful": BOOLS, "detach": BOOLS, "return_carry": BOOLS}
        | {"reverse": BOOLS, "deterministic": ("yes", 1, GRU)},
    ),
    "nnx.RNN": (
        lambda **given: NNXRNN(input_size=3, rngs=flax.nnx.Rngs(0), **given),
        {"cell": CELL},
        {"cell": CELLS, "detach": BOOLS, "return_carry": BOOLS, "reverse": BOOLS}
        | {"time_major": BOOLS, "deterministic": BOOLS},
    ),
    "from_cudnn": (
        from_cudnn,
        {"weights": jnp.ones(200), "input_size": 3, "hidden_size": 5},
        {"weights": ARRAYS, "input_size": SIZES, "hidden_size": SIZES}
        | {"num_layers": SIZES, "bidirectional": BOOLS},
    ),
    "to_torch": (
        to_torch,
        WEIGHTS,
        {"prefix": (5, None, GRU), "bias": BOOLS, "single_step": BOOLS},
    ),
    "to_haiku": (to_haiku, WEIGHTS, {"names": (5, GRU, [5]), "double_bias": BOOLS}),
    "to_keras": (to_keras, WEIGHTS, {"use_bias": BOOLS}),
    "to_onnx": (to_onnx, WEIGHTS, {"seq_lengths": BOOLS, "time_major": BOOLS}),
}
ROWS = [(name, argument) for name, row in TABLE.items() for argument in row[2]]
# What the arguments are called where one function hands them to another.
CALLED = {"prompt": "prompt", "cells": "cells?", "cell": "cells?|step|module"}
CALLED |= {"forward": "step", "loss_scale": "(loss_)?scale"}


@pytest.mark.parametrize(("name", "argument"), ROWS)
def test_one_sentence_names_what_came_and_what_was_expected(name, argument):
    function, good, bad = TABLE[name]
    names = CALLED.get(argument, re.escape(argument))
    for value in bad[argument]:
        with pytest.raises((TypeError, ValueError)) as caught:
            function(**good | {argument: value})
        said = str(caught.value)
        came = f"{argument}={value!r}: {said}"
        assert re.search(rf"\b({names})\b", said), came
        assert re.search(r"; expected|^\w+: there (are|is)", said), came
        assert said.count("\n") == 0, came


def test_the_good_arguments_are_taken():
    for name in ("unroll", "stream", "last_output", "Stack", "RTRL", "make_train_step"):
        function, good, _ = TABLE[name]
        function(**good)


def test_a_foreign_array_is_told_how_to_come():
    with pytest.raises(TypeError, match=r"Convert it with jnp.asarray\(xs.numpy\(\)\)"):
        recur.unroll(CELL, PARAMS, CARRY, TENSOR)
    arguments.check_arrays("test", known=[1, 2.0, 1j, True, np.float32(1), KEY, None])


def test_the_likely_cause_comes_first():
    with pytest.raises(ValueError, match="If xs has batch and time the other"):
        recur.unroll(CELL, PARAMS, CARRY, jnp.ones((2, 5, 3)))
    with pytest.raises(TypeError, match=r"Write GRU\(\.\.\.\) for an instance"):
        recur.unroll(GRU, PARAMS, CARRY, XS)
    with pytest.raises(TypeError, match=r"step takes \(a\) .*expected \(params"):
        recur.unroll(lambda a: a, PARAMS, CARRY, XS)
    keys = jax.random.split(KEY, 5)
    with pytest.raises(ValueError, match=r"by itself\. Hand the step what all rows"):
        recur.unroll(
            lambda p, s, x: (s, s), None, CARRY, (XS, keys), seq_lengths=[5, 2]
        )


BATCH_FIRST = jnp.ones((3, 7, 3))
LENGTHS = {"above": jnp.array([2, 7, 4]), "within": jnp.array([2, 3, 1])}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("name", ["unroll", "static_unroll", "mean_output"])
def test_time_major_forgotten_is_the_first_cause_named(name, lengths):
    called = "ys" if name == "mean_output" else "xs"
    given = TABLE[name][1] | {called: BATCH_FIRST, "seq_lengths": lengths}
    given |= {} if called == "ys" else {"carry": None}
    match = rf"{name}: .* If {called} is batch first, say time_major=False; else"
    with pytest.raises(ValueError, match=match):
        TABLE[name][0](**given)
    turned = {called: BATCH_FIRST.swapaxes(0, 1), "time_major": False}
    with pytest.raises(ValueError, match="is time first, say time_major=True; else"):
        TABLE[name][0](**given | turned)


def test_time_major_is_not_named_where_it_would_not_help():
    for lengths in ([2, 9], [-1, 2]):
        with pytest.raises(ValueError, match=r"number of steps of xs\. Clip them"):
            recur.unroll(CELL, PARAMS, CARRY, XS, seq_lengths=lengths)
    with pytest.raises(ValueError, match=r"Give seq_lengths the batch axes of ys\.$"):
        recur.max_output(XS, seq_lengths=[2, 3, 1])
    with pytest.raises(ValueError, match=r"as ys has\. Lay it out as ys\."):
        recur.last_output(XS, mask=jnp.ones((4, 2), bool))


def test_several_cells_are_told_to_come_as_one_tuple():
    with pytest.raises(TypeError, match=r"there are 2 .* Write Stack\(\(a, b\)\)"):
        recur.Stack(CELL, CELL)
    assert recur.Stack(cells=[CELL]) == recur.Stack((CELL,))


@pytest.mark.parametrize("inputs", [XS, XS.shape], ids=["xs", "shape"])
@pytest.mark.parametrize(
    "made",
    [
        CELL,
        recur.LayerNormGRU(4),
        recur.Residual(CELL),
        recur.Highway(CELL),
        AttentionPool(4),
    ],
    ids=lambda made: type(made).__name__,
)
def test_inputs_in_the_place_of_their_size(made, inputs):
    with pytest.raises(TypeError, match=r"input_size is .* write xs\.shape\[-1\]"):
        made.init(KEY, inputs)


def test_tokens_are_told_to_be_looked_up():
    with pytest.raises(TypeError, match=r"Give tokens as vectors, table\[tokens\]"):
        recur.unroll(CELL, PARAMS, None, jnp.ones((5, 2), jnp.int32))
    with pytest.raises(TypeError, match=r"numbers\. Convert it with carry\.astype"):
        CELL.step(PARAMS, jnp.ones((2, 4), jnp.int32), XS[0])
