"""ONNX nodes as cells: values and gradients against onnxruntime and the equations."""

import importlib
import io
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.onnx import OnnxGRU, OnnxLayer, OnnxLSTM, Reversed, from_onnx
from recur.interop.onnx.weights import Weights, to_params
from tests.interop.onnx_models import Example, random_example, with_weights_inside
from tests.support.draw import quickly

ALL = ("B", "sequence_lens", "initial_h", "initial_c", "P")
SOFT = {"activations": ["Softsign", "ScaledTanh", "Affine"], "clip": 0.7}
SOFT |= {"activation_alpha": [0.75, 0.5], "activation_beta": [1.25, 0.25]}
HARD = {"activations": ["HardSigmoid", "LeakyRelu"], "activation_alpha": [0.3]}
BOTH = {"direction": "bidirectional", "activations": ["Elu", "Softplus"]}
EXAMPLES = {
    "rnn": Example("RNN"),
    "rnn-batch-major-both": Example("RNN", facts={"layout": 1} | BOTH),
    "rnn-thresholded": Example(
        "RNN", facts={"activations": ["ThresholdedRelu"], "activation_alpha": [0.3]}
    ),
    "gru": Example("GRU", given=("B",)),
    "gru-linear-first-reverse": Example(
        "GRU", facts={"linear_before_reset": 1, "direction": "reverse"}
    ),
    "gru-hard-clip": Example("GRU", facts={"clip": 0.6} | HARD),
    "gru-both": Example("GRU", facts={"direction": "bidirectional"}),
    "lstm": Example("LSTM", given=()),
    "lstm-coupled-peephole": Example("LSTM", facts={"input_forget": 1}, given=ALL),
    "lstm-soft-clip": Example("LSTM", facts=SOFT, given=ALL),
    "lstm-batch-major-both": Example(
        "LSTM", facts={"layout": 1, "direction": "bidirectional"}, given=ALL
    ),
}


def rolled(layer, example, arrays):
    """``Y`` and final states of our roll, in ONNX's layout 0, as one program."""
    held = {k: v for k, v in arrays.items() if k == "sequence_lens"}
    data = {k: v for k, v in arrays.items() if k not in held}

    def run(params, data):
        return traced(replace(layer, params=params), example, data | held)

    return quickly(run)(layer.params, data)


def traced(layer, example, arrays):
    """The same where it is part of a larger program."""
    arrays = {k: jnp.asarray(example.laid(k, v)) for k, v in arrays.items()}
    held, axis = [n for n in example.states if n in arrays], 1 - layer.time_major
    carry = None
    if held:
        zeros = jnp.zeros_like(arrays[held[0]])
        states = [arrays.get(name, zeros) for name in example.states]
        ways = [[s.take(d, axis) for s in states] for d in range(example.ways)]
        ways = [recur.LSTMCarry(*w) if len(w) == 2 else w[0] for w in ways]
        carry = recur.BidirectionalCarry(*ways) if len(ways) == 2 else ways[0]
    lengths = arrays.get("sequence_lens")
    last, ys = layer.unroll(arrays["X"], carry, seq_lengths=lengths)
    ys = ys if layer.time_major else jnp.swapaxes(ys, 0, 1)
    ys = jnp.stack(jnp.split(ys, example.ways, axis=-1), axis=1)
    ways = [last] if example.ways == 1 else list(last)
    parts = zip(*(jax.tree.leaves(way) for way in ways), strict=True)
    return ys, [jnp.stack(part) for part in parts]


def assert_close(ours, theirs, tolerance):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        scale = max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


def assert_agrees_with_onnxruntime(example):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    layer = from_onnx(example.model().SerializeToString())
    ys, last = rolled(layer, example, example.arrays())
    their_ys, *their_last = example.by_onnxruntime()
    # Of an empty row onnxruntime gives zeros as the final state, not the first one.
    empty = example.arrays().get("sequence_lens", np.ones(1)) == 0
    last = [np.where(empty[:, None], 0, s) for s in last]
    assert_close((ys, last), (their_ys, their_last), 3e-6)


@pytest.mark.quick(4)
@pytest.mark.parametrize("name", EXAMPLES)
def test_nodes_agree_with_onnxruntime(name):
    assert_agrees_with_onnxruntime(EXAMPLES[name])


@pytest.mark.quick(3)
@pytest.mark.parametrize("seed", range(6))
def test_random_nodes_agree_with_onnxruntime(seed):
    assert_agrees_with_onnxruntime(random_example(seed))


DIFFERENTIATED = sorted(set(EXAMPLES) - {"rnn", "gru", "gru-both", "lstm"})


@pytest.mark.quick(1)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_values_and_gradients_are_those_of_the_equations(name):
    """Derivatives along one direction, ours in reverse and theirs by complex steps."""
    example = replace(EXAMPLES[name], dtype="float64")
    arrays, rng = example.arrays(), np.random.default_rng(7)
    layer = from_onnx(example.model())
    moving = [k for k in arrays if k != "sequence_lens"]
    way = {k: rng.normal(size=arrays[k].shape) for k in moving}
    tiny = 1e-30
    moved = {k: arrays[k] + 1j * tiny * way[k] for k in moving}
    theirs = example.by_equations(**moved)
    cotangents = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), theirs)
    dot = lambda a, b: sum(
        jax.tree.leaves(jax.tree.map(lambda x, y: (x * y).sum(), a, b))
    )

    lengths = {k: a for k, a in arrays.items() if k not in moving}

    def ours(params, data):
        outputs = traced(replace(layer, params=params), example, data | lengths)
        return dot(outputs, cotangents), outputs

    data = {k: jnp.asarray(arrays[k]) for k in moving if k not in ("W", "R", "B", "P")}
    gradient = quickly(jax.grad(ours, argnums=(0, 1), has_aux=True))
    (by_params, by_data), outputs = gradient(layer.params, data)
    assert_close(outputs, jax.tree.map(np.real, theirs), 1e-12)
    direction = params_direction(layer, example, way)
    slope = dot(by_params, direction) + dot(by_data, {k: way[k] for k in by_data})
    exact = dot(jax.tree.map(np.imag, theirs), cotangents) / tiny
    np.testing.assert_allclose(slope, exact, rtol=1e-10)


def params_direction(layer, example, way):
    """A direction in ONNX's weights, as one in our params: the map is linear."""
    cell = layer.cell.cell if isinstance(layer.cell, Reversed) else layer.cell
    cells = list(vars(cell).values())[:2] if example.ways == 2 else [cell]
    found = [
        to_params(c, Weights(*(way[k][d] if k in way else None for k in "WRBP")))
        for d, c in enumerate(cells)
    ]
    return recur.BidirectionalParams(*found) if len(found) == 2 else found[0]


def test_nodes_are_our_own_cells_where_these_can_be_it():
    assert from_onnx(Example("RNN").model()).cell == recur.Elman(5)
    relu = Example("RNN", facts={"activations": ["relu"]}).model()
    assert from_onnx(relu).cell == recur.Elman(5, activation=jax.nn.relu)
    assert from_onnx(Example("GRU").model()).cell == recur.GRU(5, reset_after=False)
    both = Example("LSTM", facts={"direction": "bidirectional"}, given=ALL)
    expected = recur.Bidirectional(recur.LSTM(5, peephole=True))
    assert from_onnx(both.model()).cell == expected
    assert isinstance(from_onnx(EXAMPLES["gru-hard-clip"].model()).cell, OnnxGRU)
    soft = from_onnx(EXAMPLES["lstm-soft-clip"].model()).cell
    assert isinstance(soft, OnnxLSTM)
    assert soft == from_onnx(EXAMPLES["lstm-soft-clip"].model()).cell


@pytest.mark.parametrize("name", ["gru", "lstm-batch-major-both"])
def test_states_and_lengths_in_the_model_are_taken_from_it(name):
    example = replace(EXAMPLES[name], given=ALL[: None if "lstm" in name else 3])
    held = replace(example, constant=("sequence_lens", *example.states))
    arrays = example.arrays()
    layer = from_onnx(held.model())
    assert isinstance(layer, OnnxLayer)
    theirs = rolled(from_onnx(example.model()), example, arrays)
    assert_close(rolled(layer, example, {"X": arrays["X"]}), theirs, 0)


@pytest.mark.quick(1)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_as_it_is(dtype):
    example = Example("GRU", dtype=jnp.dtype(dtype), facts={"linear_before_reset": 1})
    example = replace(example, version=22)
    layer, arrays = from_onnx(example.model()), example.arrays()
    assert {leaf.dtype for leaf in jax.tree.leaves(layer.params)} == {jnp.dtype(dtype)}
    assert (np.asarray(layer.params.b_hn) == arrays["B"][0, -5:]).all()
    wide = replace(layer, params=jax.tree.map(jnp.float32, layer.params))
    wide = replace(wide, cell=recur.GRU(5))
    data = {k: v.astype(np.float32) for k, v in arrays.items() if k != "sequence_lens"}
    data["sequence_lens"] = arrays["sequence_lens"]
    equations = example.by_equations(**data)
    assert_close(rolled(wide, example, data), equations, 1e-2)
    narrow = rolled(layer, example, arrays)
    assert narrow[0].dtype == jnp.dtype(dtype)
    narrow = jax.tree.map(np.float32, narrow)
    assert_close(narrow, equations, 3e-2)


@pytest.mark.quick(1)
@pytest.mark.filterwarnings("ignore")  # Torch says that it has a newer exporter.
@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_files_of_torch(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(0)
    layers, xs = (
        {"num_layers": 2, "bidirectional": name == "LSTM"},
        torch.randn(6, 2, 3),
    )
    network = getattr(torch.nn, name)(3, 5, **layers).eval()
    file, options = io.BytesIO(), {"input_names": ["xs"], "dynamo": False}
    sizes = {"xs": {0: "time", 1: "batch"}}
    torch.onnx.export(network, (xs,), file, dynamic_axes=sizes, **options)
    layer = from_onnx(file.getvalue())
    assert isinstance(layer.cell, recur.Stack)
    last, ys = quickly(layer.unroll)(jnp.asarray(xs.numpy()))
    theirs, states = network(xs)
    assert_close(ys, theirs.detach().numpy(), 1e-6)
    states = states if name == "LSTM" else (states,)
    ours = jax.tree.leaves(last)[:: len(states)]
    assert_close(jnp.stack(ours), states[0].detach().numpy(), 1e-6)


def golden():
    cases = pytest.importorskip("onnx.backend.test.case.node")
    for kind in ("rnn", "gru", "lstm"):
        importlib.import_module(f"onnx.backend.test.case.node.{kind}")
    kinds = ("RNN", "GRU", "LSTM")
    return [c for c in cases._NodeTestCases if c.model.graph.node[0].op_type in kinds]


@pytest.mark.quick(6)
@pytest.mark.parametrize("case", golden(), ids=lambda case: case.name)
def test_vectors_of_onnx(case):
    (inputs, outputs) = case.data_sets[0]
    model, arrays = with_weights_inside(case.model, inputs)
    layer = from_onnx(model)
    ways = 2 if isinstance(layer.cell, recur.Bidirectional) else 1
    kind = model.graph.node[0].op_type
    layout = {} if layer.time_major else {"layout": 1}
    facts = layout | ({"direction": "bidirectional"} if ways == 2 else {})
    example = Example(kind, facts=facts)
    arrays["X"] = example.laid("X", arrays["X"])
    ys, last = rolled(layer, example, arrays)
    ours = {"Y": ys, **dict(zip(("Y_h", "Y_c"), last, strict=False))}
    for info, expected in zip(model.graph.output, outputs, strict=True):
        value = np.asarray(ours[info.name])
        if not layer.time_major:
            axes = (2, 0, 1, 3) if info.name == "Y" else (1, 0, 2)
            value = value.transpose(axes)
        assert value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
