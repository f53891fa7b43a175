"""Random ONNX nodes with their weights, run by onnxruntime and by the equations."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.reference.onnx import FUNCTIONS, operator

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
USUAL = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"]}
USUAL["LSTM"] = ["Sigmoid", "Tanh", "Tanh"]
PLACES = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
TAKES = {"LeakyRelu": 1, "Elu": 1, "ThresholdedRelu": 1}
# Gates of other functions than these let the state grow until no digit is left.
BOUNDED = ["Sigmoid", "Tanh", "HardSigmoid", "ScaledTanh", "Softsign"]
TAKES |= {"HardSigmoid": 2, "ScaledTanh": 2, "Affine": 2}


@dataclass(frozen=True)
class Example:
    """One node. ``constant`` names the inputs that the model holds besides weights."""

    kind: str
    sizes: tuple[int, int, int, int] = (4, 3, 2, 5)  # T, B, I, H
    facts: dict[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ("B", "sequence_lens", "initial_h", "initial_c")
    constant: tuple[str, ...] = ()
    dtype: str = "float32"
    version: int = 18
    seed: int = 0

    @property
    def ways(self):
        return 2 if self.facts.get("direction") == "bidirectional" else 1

    @property
    def states(self):
        return ["initial_h", "initial_c"][: 2 if self.kind == "LSTM" else 1]

    def arrays(self):
        """Every input by name, in ONNX's layout 0 and the dtype of the example."""
        rng = np.random.default_rng(self.seed)
        t, b, i, h = self.sizes
        d, g = self.ways, GATES[self.kind] * h
        shapes = {"X": (t, b, i), "W": (d, g, i), "R": (d, g, h), "B": (d, 2 * g)}
        shapes |= {"P": (d, 3 * h)} | dict.fromkeys(self.states, (d, b, h))
        drawn = {
            name: (0.8 * rng.normal(size=shape)).astype(self.dtype)
            for name, shape in shapes.items()
        }
        lengths = rng.integers(0, t + 1, b).astype(np.int32)
        lengths[:2] = (t, 0)[: min(b, 2)]
        drawn["sequence_lens"] = lengths
        held = {"X", "W", "R", *self.given}
        return {name: array for name, array in drawn.items() if name in held}

    def model(self):
        """The node alone in a model; what is not constant is an input."""
        arrays = self.arrays()
        fed = set(arrays) - {"W", "R", "B", "P", *self.constant}
        names = [name if name in arrays else "" for name in PLACES]
        outputs = ["Y", "Y_h", "Y_c"][: 1 + len(self.states)]
        facts = {"hidden_size": self.sizes[3]} | self.facts
        node = helper.make_node(self.kind, _trimmed(names), outputs, **facts)
        infos = [info(name, self.laid(name, arrays[name])) for name in sorted(fed)]
        results = [
            helper.make_tensor_value_info(name, element_type(self.dtype), None)
            for name in outputs
        ]
        held = [
            numpy_helper.from_array(np.ascontiguousarray(self.laid(name, array)), name)
            for name, array in arrays.items()
            if name not in fed
        ]
        graph = helper.make_graph([node], "example", infos, results, held)
        opset = [helper.make_opsetid("", self.version)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)

    def laid(self, name, array):
        """An array as the node's layout has it."""
        moved = self.facts.get("layout") and name in ("X", "initial_h", "initial_c")
        return array.swapaxes(0, 1) if moved else array

    def by_onnxruntime(self):
        """``Y`` and final states in layout 0, the only one that onnxruntime has."""
        facts = {k: v for k, v in self.facts.items() if k != "layout"}
        plain = replace(self, facts=facts, constant=())
        arrays = plain.arrays()
        feeds = {k: v for k, v in arrays.items() if k not in ("W", "R", "B", "P")}
        return run(plain.model(), feeds)

    def by_equations(self, **changed):
        """``Y`` and final states in layout 0, of the arrays with some changed."""
        arrays = self.arrays() | changed
        xs = arrays["X"]
        zeros = np.zeros((self.ways, xs.shape[1], self.sizes[3]))
        states = [arrays.get(name, zeros) for name in self.states]
        lengths = arrays.get("sequence_lens", np.full(xs.shape[1], len(xs)))
        clip = stored([self.facts["clip"]])[0] if "clip" in self.facts else None
        facts = {"clip": clip, "reverse": self.reverse}
        facts["coupled"] = self.facts.get("input_forget", 0) == 1
        before = self.facts.get("linear_before_reset", 0) == 1
        facts["linear_before_reset"] = before
        weights = [arrays.get(name, [None] * self.ways) for name in "WRBP"]
        ways = list(zip(zip(*weights, strict=True), self.functions(), strict=True))
        return operator(self.kind, xs, ways, states, lengths, **facts)

    @property
    def reverse(self):
        return self.facts.get("direction") == "reverse"

    def functions(self):
        """The functions of each direction with their numbers in."""
        count = len(USUAL[self.kind])
        names = self.facts.get("activations", USUAL[self.kind] * self.ways)
        alphas = iter(stored(self.facts.get("activation_alpha", ())))
        betas = iter(stored(self.facts.get("activation_beta", ())))
        usual = {"LeakyRelu": (0.01, 0), "Elu": (1, 0), "HardSigmoid": (0.2, 0.5)}
        found = []
        for name in names:
            a, b = usual.get(name, (0, 0))
            a = next(alphas, a) if TAKES.get(name, 0) > 0 else a
            b = next(betas, b) if TAKES.get(name, 0) > 1 else b
            found.append(partial(FUNCTIONS[name], a=a, b=b))
        return [found[n : n + count] for n in range(0, len(found), count)]


def stored(numbers):
    """Numbers as an attribute holds them, in float32."""
    return [float(np.float32(number)) for number in numbers]


def random_example(seed):
    """A node of any kind with any attributes."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(list(GATES)))
    sizes = tuple(int(n) for n in rng.integers(1, 9, 4))
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    facts: dict[str, Any] = {"direction": direction}
    ways = 2 if direction == "bidirectional" else 1
    if rng.random() < 0.7:
        facts["activations"] = [
            str(rng.choice(BOUNDED if kind != "RNN" and n == 0 else list(FUNCTIONS)))
            for _ in range(ways)
            for n in range(len(USUAL[kind]))
        ]
        takes = [TAKES.get(name, 0) for name in facts["activations"]]
        # Not beyond 1: what grows from step to step loses its digits.
        for name, needed in (("alpha", 1), ("beta", 2)):
            numbers = rng.uniform(0.1, 0.9, sum(n >= needed for n in takes))
            if len(numbers):
                facts[f"activation_{name}"] = stored(numbers)
    if rng.random() < 0.5:
        facts["clip"] = float(rng.uniform(0.2, 1.5))
    if kind == "LSTM":
        facts["input_forget"] = int(rng.integers(2))
    if kind == "GRU":
        facts["linear_before_reset"] = int(rng.integers(2))
    optional = ["B", "sequence_lens", "initial_h", "initial_c", "P"]
    optional = optional if kind == "LSTM" else optional[:3]
    given = tuple(name for name in optional if rng.random() < 0.6)
    return Example(kind, sizes, facts, given, seed=seed)


def run(model, feeds):
    """Runs a model by onnxruntime, on one thread and without a word."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    providers = ["CPUExecutionProvider"]
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=providers)
    return session.run(None, feeds)


def element_type(dtype):
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def info(name, array):
    return helper.make_tensor_value_info(name, element_type(array.dtype), array.shape)


def with_weights_inside(model, inputs):
    """A copy of a model with its weights as initializers; gives the other inputs."""
    held = model.graph.node[0].input[1:4] + model.graph.node[0].input[7:8]
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    names = [each.name for each in model.graph.input]
    arrays = dict(zip(names, inputs, strict=True))
    del copy.graph.input[:]
    for each in model.graph.input:
        if each.name in held:
            tensor = numpy_helper.from_array(arrays.pop(each.name), each.name)
            copy.graph.initializer.append(tensor)
        else:
            copy.graph.input.append(each)
    return copy, arrays


def _trimmed(names):
    while not names[-1]:
        names.pop()
    return names
