"""Cells as ONNX models: run by onnxruntime, and read back bit by bit."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.onnx import (
    OnnxActivation,
    OnnxGRU,
    OnnxLSTM,
    Reversed,
    from_onnx,
    step_to_onnx,
    to_onnx,
)
from tests.interop.onnx_models import run
from tests.support.draw import quickly

CLIPPED = OnnxActivation("HardSigmoid", clip=0.5)
FREE = OnnxLSTM(
    4,
    activations=(CLIPPED, OnnxActivation("ScaledTanh", 0.75, 1.25, 0.5), jax.nn.relu),
    peephole=True,
)
CELL = recur.Elman(3)
LAYERS = {
    "lstm": recur.LSTM(5),
    "lstm-peephole-coupled": recur.LSTM(5, peephole=True, coupled=True),
    "gru": recur.GRU(5),
    "gru-before": recur.GRU(5, reset_after=False),
    "elman-reversed": Reversed(recur.Elman(5, activation=OnnxActivation("Elu", 0.5))),
    "free-lstm": FREE,
    "free-gru": OnnxGRU(4, activations=(jax.nn.hard_sigmoid, jax.nn.soft_sign)),
    "stack": recur.Stack(
        (recur.Bidirectional(recur.LSTM(5, peephole=True)), recur.GRU(4), FREE)
    ),
}
MERGED = {
    "sum": recur.Bidirectional(recur.GRU(5), merge="sum"),
    "mean-of-two-kinds": recur.Bidirectional(recur.LSTM(5), recur.GRU(5), merge="mean"),
    "product-in-reverse": Reversed(
        recur.Bidirectional(recur.Elman(4), merge="product")
    ),
    "concatenated-sizes": recur.Bidirectional(recur.GRU(5), recur.GRU(3)),
    "readout": recur.Readout(recur.Elman(5), 4, activation=jax.nn.softmax),
    "tagger": recur.Readout(recur.Bidirectional(recur.LSTM(5)), 4),
    "tagger-of-two-kinds": recur.Stack(
        (recur.Readout(recur.Bidirectional(recur.GRU(5), recur.LSTM(3)), 4), CELL)
    ),
    "regularised": recur.Stack(
        (
            recur.Dropout(recur.VariationalDropout(recur.GRU(5), 0.2, 0.5), 0.5),
            recur.Bidirectional(recur.ClipGradient(recur.Dropout(CELL, 0.5))),
            recur.Readout(recur.DropConnect(recur.LSTM(4), 0.5), 3),
        )
    ),
}
ZONED = recur.Zoneout(recur.GRU(4), h=0.125)
STEPS = {name: cell for name, cell in LAYERS.items() if name not in ("stack",)}
STEPS = {name: getattr(cell, "cell", cell) for name, cell in STEPS.items()}
STEPS |= {
    "projection": recur.LSTM(5, projection_size=3, peephole=True),
    "elman-affine": recur.Elman(4, activation=OnnxActivation("Affine", 0.5, 0.25)),
    "stack": recur.Stack((recur.LSTM(4), recur.GRU(5))),
    "readout": MERGED["readout"],
    "regularised": recur.Dropout(recur.Readout(recur.DropConnect(CELL, 0.5), 4), 0.5),
    "zoneout": recur.Stack(
        (recur.Zoneout(recur.Dropout(recur.LSTM(5), 0.5), 0.25, 0.5), ZONED)
    ),
}


def drawn(tree, seed, dtype=jnp.float32):
    """The same tree with random numbers."""
    leaves, structure = jax.tree.flatten(tree)
    rng = np.random.default_rng(seed)
    random = [jnp.asarray(0.6 * rng.normal(size=a.shape), dtype) for a in leaves]
    return jax.tree.unflatten(structure, random)


def network(cell, batch=4, dtype=jnp.float32):
    """Random params and carry."""
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), 3))
    return drawn(shapes, 1, dtype), drawn(cell.init_carry((batch,)), 2, dtype)


def feeds(model, inputs, carry):
    """What a model is fed: inputs by name, and the carry in the order of its tree."""
    names = [each.name for each in model.graph.input if each.name not in inputs]
    return inputs | dict(
        zip(names, map(np.asarray, jax.tree.leaves(carry)), strict=True)
    )


def assert_close(ours, theirs, tolerance=2e-6):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def sequence(steps, batch, dtype=np.float32):
    return np.random.default_rng(3).normal(size=(steps, batch, 3)).astype(dtype)


def unrolled(cell, params, carry, xs, **time):
    """What ``recur.unroll`` gives, as one program that is quick to compile."""
    run = lambda *arrays: recur.unroll(cell, *arrays, **time)
    return quickly(run)(params, carry, xs)


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", LAYERS | MERGED)
def test_rolls_run_in_onnxruntime(name):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    cell = (LAYERS | MERGED)[name]
    params, carry = network(cell)
    lengths = np.array([6, 0, 3, 5], np.int32)
    model = to_onnx(cell, params, seq_lengths=True)
    inputs = {"xs": sequence(6, 4), "seq_lengths": lengths}
    ys, *last = run(model, feeds(model, inputs, carry))
    expected = unrolled(cell, params, carry, inputs["xs"], seq_lengths=lengths)
    assert_close(expected, (jax.tree.unflatten(jax.tree.structure(carry), last), ys))


def test_sizes_of_batch_and_time_are_open_and_either_may_come_first():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    cell = LAYERS["gru"]
    model = to_onnx(cell, network(cell)[0], time_major=False)
    for steps, batch in ((1, 1), (5, 2)):
        params, carry = network(cell, batch)
        xs = sequence(steps, batch).swapaxes(0, 1)
        ys, last = run(model, feeds(model, {"xs": xs}, carry))
        expected = unrolled(cell, params, carry, xs, time_major=False)
        assert_close(expected, (last, ys))


def test_names_are_paths_in_the_carry():
    model = to_onnx(LAYERS["stack"], network(LAYERS["stack"])[0], seq_lengths=True)
    inputs = [each.name for each in model.graph.input]
    assert inputs[:4] == ["xs", "seq_lengths", "carry.0.forward.h", "carry.0.forward.c"]
    assert [each.name for each in model.graph.output][-1] == "new_carry.2.c"
    model = step_to_onnx(recur.GRU(5), network(recur.GRU(5))[0])
    assert [each.name for each in model.graph.input] == ["x", "carry"]


@pytest.mark.quick(7)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_what_is_written_is_read_back_bit_by_bit(name, dtype):
    cell = with_dtype(LAYERS[name], dtype)
    params, _ = network(cell, dtype=dtype)
    model = to_onnx(cell, params, seq_lengths=True).SerializeToString()
    layer = from_onnx(model)
    assert layer.carry is None
    assert layer.seq_lengths is None
    assert_equal(layer.params, params)
    again = to_onnx(layer.cell, layer.params, seq_lengths=True)
    assert again.SerializeToString() == model
    if name not in ("free-lstm", "free-gru", "stack"):
        assert layer.cell == cell


def with_dtype(cell, dtype):
    for name in ("cells", "cell", "forward", "backward"):
        if hasattr(cell, name):
            inner = getattr(cell, name)
            many = isinstance(inner, tuple)
            found = [with_dtype(c, dtype) for c in (inner if many else (inner,))]
            cell = replace(cell, **{name: tuple(found) if many else found[0]})
    return replace(cell, dtype=dtype) if hasattr(cell, "dtype") else cell


def assert_equal(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert one.dtype == other.dtype
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.usefixtures("x64")
def test_double_is_kept_and_refused_where_jax_has_none():
    cell = recur.GRU(5, dtype="float64")
    params, _ = network(cell, dtype=jnp.float64)
    model = to_onnx(cell, params)
    assert_equal(from_onnx(model).params, params)
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match=r"W is float64.*jax_enable_x64"),
    ):
        from_onnx(model)


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", STEPS)
def test_steps_run_in_onnxruntime(name):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    cell = STEPS[name]
    params, carry = network(cell)
    model = step_to_onnx(cell, params)
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"RNN", "GRU", "LSTM"}
    expected = carry, None
    for x in sequence(3, 4):
        y, *carry_leaves = run(model, feeds(model, {"x": x}, carry))
        expected = cell.step(params, carry, jnp.asarray(x))
        structure = jax.tree.structure(carry)
        carry = jax.tree.map(jnp.asarray, jax.tree.unflatten(structure, carry_leaves))
        assert_close(expected, (carry, y))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["projection", "gru-before"])
def test_steps_run_in_double(name):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    cell = with_dtype(STEPS[name], "float64")
    params, carry = network(cell, dtype=jnp.float64)
    x = sequence(1, 4, np.float64)[0]
    y, *new = run(
        *(lambda m: (m, feeds(m, {"x": x}, carry)))(step_to_onnx(cell, params))
    )
    expected = cell.step(params, carry, jnp.asarray(x))
    assert_close(
        expected, (jax.tree.unflatten(jax.tree.structure(carry), new), y), 1e-14
    )


def test_half_runs_in_onnxruntime():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    cell = recur.LSTM(5, dtype="float16")
    params, carry = network(cell, dtype=jnp.float16)
    xs = sequence(5, 4, np.float16)
    model = to_onnx(cell, params)
    ys, h, c = run(model, feeds(model, {"xs": xs}, carry))
    assert ys.dtype == np.float16
    expected = unrolled(cell, params, carry, xs)
    assert_close(expected, ((h, c), ys), 5e-3)


def test_chain_across_other_nodes_is_read_one_by_one():
    cell = MERGED["mean-of-two-kinds"]
    params, _ = network(cell)
    model = to_onnx(cell, params)
    with pytest.raises(ValueError, match="expected a chain of layers") as error:
        from_onnx(model)
    first, second = str(error.value).split("one of ")[1].rstrip(".").split(", ")
    assert_equal(from_onnx(model, node=first).params, params.forward)
    backward = from_onnx(model, node=second)
    assert backward.cell == Reversed(recur.GRU(5))
    assert_equal(backward.params, params.backward)


REFUSED = {
    "projection": (recur.LSTM(5, projection_size=3), ValueError, "step_to_onnx"),
    "a function of one's own": (
        recur.Elman(5, activation=jnp.sin),
        ValueError,
        "the activation is sin; expected one that ONNX has",
    ),
    "clip of the cell": (
        OnnxLSTM(
            5, activations=(jax.nn.sigmoid, jnp.tanh, OnnxActivation("Tanh", clip=1.0))
        ),
        ValueError,
        "none for the cell",
    ),
    "clip of the gates only": (
        OnnxGRU(5, activations=(CLIPPED, jnp.tanh)),
        ValueError,
        "expected one for the gates and the candidate",
    ),
    "another precision inside": (
        recur.GRU(5, compute_dtype="bfloat16"),
        ValueError,
        "compute_dtype is bfloat16",
    ),
    "a wrapper": (recur.ClipCell(recur.LSTM(5)), TypeError, "cell is a ClipCell"),
    "a mixed state": (
        recur.Stack((ZONED,)),
        TypeError,
        "cell is a Zoneout; .* export its step with step_to_onnx",
    ),
    "a layer it cannot be": (recur.LayerNormGRU(5), TypeError, "a LayerNormGRU"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_onnx_cannot_hold_is_refused(name):
    cell, error, message = REFUSED[name]
    params = network(cell)[0]
    with pytest.raises(error, match=message):
        to_onnx(cell, params)


def test_params_that_do_not_fit_are_refused():
    lstm, gru = recur.LSTM(5), recur.GRU(5)
    params = network(lstm)[0]
    with pytest.raises(TypeError, match="params is a LSTMParams; expected GRUParams"):
        to_onnx(gru, params)
    with pytest.raises(TypeError, match="params is None"):
        to_onnx(gru, None)
    with pytest.raises(ValueError, match=r"params.w_hh is .*4, 20.*expected the shape"):
        to_onnx(lstm, params._replace(w_hh=params.w_hh[:4]))
    with pytest.raises(ValueError, match=r"params.w_ch is .* expected None"):
        step_to_onnx(lstm, params._replace(w_ch=jnp.ones(15)))
    mixed = params._replace(b=params.b.astype(jnp.bfloat16))
    with pytest.raises(ValueError, match="bfloat16, float32; expected one dtype"):
        to_onnx(lstm, mixed)
    with pytest.raises(
        TypeError, match="cell is a Bidirectional; expected one of LSTM"
    ):
        step_to_onnx(MERGED["sum"], network(MERGED["sum"])[0])
