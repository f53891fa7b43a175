"""ONNX files that are damaged, hostile or ambiguous are refused, and nothing is run."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

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
    to_onnx,
)
from tests.interop.onnx_models import Example, helper, numpy_helper, onnx

TensorProto = onnx.TensorProto


def changed(kind="LSTM", **facts):
    return Example(kind, facts=facts).model()


def with_tensor(name, array, kind="LSTM"):
    """A model with another array in the place of one of its weights."""
    model = Example(kind, given=("B", "P") if kind == "LSTM" else ("B",)).model()
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors[name].CopyFrom(numpy_helper.from_array(np.asarray(array), name))
    return model


def with_sizes(*dims):
    """A model whose W claims sizes that its data do not have."""
    model = changed()
    w = next(tensor for tensor in model.graph.initializer if tensor.name == "W")
    del w.dims[:]
    w.dims.extend(dims)
    return model


def as_input():
    model = changed("GRU")
    weights = [t for t in model.graph.initializer if t.name != "R"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(weights)
    shape = (1, 15, 5)
    model.graph.input.append(
        helper.make_tensor_value_info("R", TensorProto.FLOAT, shape)
    )
    return model


def computed():
    """A model whose W is made by a node."""
    model = changed("RNN")
    w = next(tensor for tensor in model.graph.initializer if tensor.name == "W")
    w.name = "half"
    node = helper.make_node("Add", ["half", "half"], ["W"])
    model.graph.node.insert(0, node)
    return model


def elsewhere():
    """A model that asks for bytes of another file."""
    model = changed()
    w = next(tensor for tensor in model.graph.initializer if tensor.name == "W")
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    w.external_data.add(key="location", value="../../etc/passwd")
    return model


def elsewhere_inside():
    """The same within a subgraph, where nothing is read at all."""
    inner, outer = elsewhere().graph, changed()
    branch = helper.make_graph([], "branch", [], [], inner.initializer)
    condition = helper.make_tensor("on", TensorProto.BOOL, [], [True])
    branches = {"then_branch": branch, "else_branch": branch}
    outer.graph.initializer.append(condition)
    outer.graph.node.append(helper.make_node("If", ["on"], ["out"], **branches))
    return outer


def no_node():
    node = helper.make_node("Relu", ["X"], ["Y"])
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "XY"]
    graph = helper.make_graph([node], "relu", infos[:1], infos[1:])
    return helper.make_model(graph)


WEIGHTS = Example("LSTM").arrays()
REFUSED = {
    "nothing": (lambda: b"", "damaged or no ONNX model"),
    "text": (lambda: b"weights = here\n" * 9, "damaged or no ONNX model"),
    "cut short": (lambda: changed().SerializeToString()[:-400], "damaged"),
    "no node": (no_node, "no RNN, LSTM or GRU node"),
    "weights elsewhere": (elsewhere, "other files, which are not opened"),
    "weights elsewhere in a branch": (elsewhere_inside, "other files, which are not"),
    "weights as inputs": (as_input, "R is an input of the model; expected a constant"),
    "computed weights": (computed, "W is made by a Add node"),
    "absurd size": (lambda: changed(hidden_size=2**62), "hidden_size is 4611686018427"),
    "negative size": (lambda: changed(hidden_size=-5), "hidden_size is -5; expected 5"),
    "absurd shape": (lambda: with_sizes(1, 2**60, 2**60), "overflow|tensor of shape"),
    "negative shape": (lambda: with_sizes(1, -1, 2), "Negative|a size is below 1"),
    "empty shape": (lambda: with_sizes(1, 0, 2), "0-element|a size is below 1"),
    "shapes that disagree": (
        lambda: with_tensor("R", WEIGHTS["R"][:, :-1]),
        r"R is float32\[1, 19, 5\]; expected float32\[1, 20, 5\]",
    ),
    "bias too long": (
        lambda: with_tensor("B", np.zeros((1, 41), np.float32)),
        r"B is float32\[1, 41\]; expected float32\[1, 40\]",
    ),
    "peephole for two": (
        lambda: with_tensor("P", np.zeros((2, 15), np.float32)),
        r"P is float32\[2, 15\]; expected",
    ),
    "flat weights": (lambda: with_tensor("W", np.zeros(40, np.float32)), "three axes"),
    "two dtypes": (
        lambda: with_tensor("R", WEIGHTS["R"].astype(np.float16)),
        "R is float16",
    ),
    "whole numbers": (
        lambda: with_tensor("W", np.zeros((1, 20, 2), np.int32)),
        "expected int32",
    ),
    "strings": (lambda: with_tensor("W", np.full((1, 20, 2), "a", object)), "type 8"),
    "another direction": (lambda: changed(direction="sideways"), "direction is 'sidew"),
    "another layout": (lambda: changed(layout=2), "layout is 2; expected one of"),
    "another flag": (lambda: changed("GRU", linear_before_reset=7), "reset is 7"),
    "unknown attribute": (lambda: changed(dropout=0.5), "damaged.*dropout"),
    "attribute of another type": (lambda: changed(clip=3), "damaged.*clip"),
    "NaN for a clip": (lambda: changed(clip=float("nan")), "clip is float nan; exp"),
    "no room": (
        lambda: changed(clip=0.0),
        "clip is float 0.0; expected a finite number above",
    ),
    "unknown function": (
        lambda: changed("RNN", activations=["__import__"]),
        "name is '__import__'; expected one of Relu",
    ),
    "too few functions": (
        lambda: changed(activations=["Tanh"]),
        "the number of activations is 1; expected 3",
    ),
    "NaN for a number": (
        lambda: changed("RNN", activations=["Elu"], activation_alpha=[float("nan")]),
        "alpha of Elu is float nan; expected a finite number",
    ),
    "a number that programs disagree about": (
        lambda: changed("RNN", activations=["ThresholdedRelu"]),
        "alpha of ThresholdedRelu is None; expected a finite number. Write it out",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    make, message = REFUSED[name]
    model = make()
    with pytest.raises(ValueError, match=message):
        from_onnx(model if isinstance(model, bytes) else model.SerializeToString())


@pytest.mark.parametrize("part", range(1, 20))
def test_no_cut_of_a_file_gets_through_unnoticed(part):
    """What is left of a file is refused, or still holds the whole layer."""
    model = to_onnx(recur.GRU(4), recur.GRU(4).init(jax.random.key(0), 3))
    data = model.SerializeToString()
    try:
        layer = from_onnx(data[: len(data) * part // 20])
    except ValueError:
        return
    assert jax.tree.map(jnp.shape, layer.params) == ((3, 12), (4, 12), (12,), (4,))


def test_other_arguments():
    with pytest.raises(TypeError, match="model is int 3; expected a path, bytes or an"):
        from_onnx(3)
    with pytest.raises(FileNotFoundError):
        from_onnx("no such file.onnx")
    with pytest.raises(ValueError, match="node is 'top', of which model has 0"):
        from_onnx(changed(), node="top")
    assert from_onnx(changed(), node="Y").cell == recur.LSTM(5)


def test_paths_are_read_and_models_left_alone(tmp_path: Path):
    model = changed()
    before = model.SerializeToString()
    (tmp_path / "model.onnx").write_bytes(before)
    for source in (tmp_path / "model.onnx", str(tmp_path / "model.onnx"), model):
        assert from_onnx(source).cell == recur.LSTM(5)
    assert model.SerializeToString() == before


@pytest.mark.parametrize("zeros", ["ConstantOfShape", "Expand"])
def test_zero_states_that_a_model_computes_are_zero(zeros):
    model = Example("GRU", given=("B",)).model()
    sizes = numpy_helper.from_array(np.array([1, 3, 5]), "sizes")
    zero = numpy_helper.from_array(np.zeros((1, 1, 1), np.float32), "zero")
    model.graph.initializer.extend([sizes, zero])
    inputs = ["sizes"] if zeros == "ConstantOfShape" else ["zero", "sizes"]
    model.graph.node.insert(0, helper.make_node(zeros, inputs, ["h0"]))
    model.graph.node[1].input.extend(["", "h0"])
    assert from_onnx(model).carry is None


def test_cells_of_this_module():
    for cell in (OnnxLSTM(5, coupled=True, peephole=True), OnnxGRU(5)):
        params = cell.init(jax.random.key(0), 3)
        with pytest.raises(
            ValueError, match=r"x is float32.*expected a last axis of 3"
        ):
            cell.step(params, cell.init_carry(), jnp.ones(4))
        assert hash(cell) == hash(replace(cell))
    with pytest.raises(ValueError, match="OnnxGRU: activations are 1 values"):
        OnnxGRU(5, activations=(jnp.tanh,))
    with pytest.raises(ValueError, match=r"are 1 values .*; expected a tuple of 3"):
        OnnxLSTM(5, activations=jnp.tanh)
    with pytest.raises(TypeError, match=r"OnnxLSTM\.step: params is a GRUParams"):
        OnnxLSTM(5).step(params, recur.LSTM(5).init_carry(), jnp.ones(3))
    with pytest.raises(ValueError, match="beta of Tanh is float 1"):
        OnnxActivation("Tanh", beta=1.0)
    with pytest.raises(ValueError, match="name is 'Sine'; expected one of Relu"):
        OnnxActivation("Sine")


def test_reversed_is_the_same_as_reverse():
    cell, xs = recur.LSTM(5), jnp.ones((4, 2, 3)).cumsum(0)
    params, lengths = cell.init(jax.random.key(0), 3), jnp.array([4, 2])
    back = Reversed(cell)
    carry = back.init_carry((2,))
    assert back.output_size == 5
    ours = recur.unroll(back, params, carry, xs, seq_lengths=lengths)
    theirs = recur.unroll(cell, params, carry, xs, seq_lengths=lengths, reverse=True)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), ours, theirs))
    twice = recur.unroll(back, params, carry, xs, reverse=True)[1]
    assert bool((twice == recur.unroll(cell, params, carry, xs)[1]).all())


@pytest.mark.slow
def test_onnx_is_imported_when_asked_for_and_its_absence_is_a_hint():
    script = """
import sys
import recur.interop.onnx as interop
assert "onnx" not in sys.modules
sys.modules["onnx"] = None
try:
    interop.from_onnx(b"")
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert 'pip install "recur-jax[onnx]"' in done.stdout
