"""One RNN, LSTM or GRU node of a model, and its attributes as cells."""

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur.cells.elman import Elman
from recur.cells.gru import GRU
from recur.cells.lstm import LSTM
from recur.interop.onnx.activation import FORMS, OnnxActivation
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM
from recur.interop.onnx.known import Known
from recur.interop.onnx.scope import Place, Scope
from recur.interop.onnx.tensor import Tensor, UnclearError, compact
from recur.interop.onnx.weights import Weights

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
DIRECTIONS = ("forward", "reverse", "bidirectional")
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {
    "RNN": ["Tanh"],
    "GRU": ["Sigmoid", "Tanh"],
    "LSTM": ["Sigmoid", "Tanh", "Tanh"],
}


class Node:
    """A recurrent node, and what the model says of the tensors that it takes.

    Args:
      node: The ``NodeProto``.
      scope: Where it stands.
      known: What is known of the tensors of the model.
      path: The names of the nodes around it, each with a slash behind it.

    Example:
      >>> from onnx import helper
      >>> lstm = helper.make_node("LSTM", ["X", "W", "R"], ["Y"])
      >>> graph = helper.make_graph([lstm], "graph", [], [])
      >>> node = Node(lstm, Scope(graph), Known())
      >>> node.name, node.input("W").name, node.input("B").name
      ('Y', 'W', '')
    """

    def __init__(self, node: Any, scope: Scope, known: Known, path: str = "") -> None:
        self.node, self.kind, self.facts = node, node.op_type, scope.facts(node)
        self.scope, self.known, self.path = scope, known, path

    @property
    def name(self) -> str:
        """Its name, or that of its first output if it has none."""
        return self.node.name or next((n for n in self.node.output if n), "")

    @property
    def where(self) -> str:
        """How errors open."""
        return f"from_onnx: {self.kind} node '{self.name}'"

    def input(self, name: str) -> Place:
        """The tensor at an input, its name empty if there is none."""
        place = INPUTS.index(name)
        given = self.node.input
        return self.scope.find(given[place] if place < len(given) else "")

    def tensor(self, name: str) -> Tensor:
        """What is known of the tensor at an input."""
        return self.known.tensor(self.input(name))

    def maker(self, name: str) -> str:
        """Says where what the model does not hold of an input comes from."""
        for scope, source in self.known.sources(self.input(name)):
            if source in scope.constants:
                continue
            if source in scope.makers:
                return f"made by a {scope.makers[source].op_type} node"
            whole = "model" if scope.outer is None else "graph that the node is in"
            return f"an input of the {whole}"
        return ""

    def constant(self, name: str) -> np.ndarray | None:
        """Value of an input that the model itself holds, None if there is no such."""
        if not self.input(name).name:
            return None
        tensor = self.tensor(name)
        if tensor.values is not None and tensor.values.shape == tensor.shape:
            return self.copied(name, tensor.values)
        raise ValueError(
            f"{self.where}: {name} is {self.maker(name) or tensor.reason}; expected a "
            "constant of the model, or one that other nodes only move or copy. Fold "
            "the constants of the model, or keep its weights as initializers."
        )

    def copied(self, name: str, values: np.ndarray) -> np.ndarray:
        """Checks that there is room for a value, which a model can repeat at will."""
        repeated = compact(values).size < values.size
        try:
            self.known.room.take(values.size if repeated else 0)
        except UnclearError as error:
            raise ValueError(
                f"{self.where}: {name} is {checks.describe(values)}, but {error}; "
                "expected no more than it can hold. Export or download it again."
            ) from error
        return values

    @cached_property
    def direction(self) -> str:
        """``forward``, ``reverse`` or ``bidirectional``."""
        given = _text(self.facts.get("direction", b"forward"))
        # The first version of GRU misspells its default.
        given = "forward" if given == "foward" else given
        return self._one_of("direction", given, DIRECTIONS)

    @property
    def ways(self) -> int:
        """Number of directions."""
        return 2 if self.direction == "bidirectional" else 1

    @property
    def batch_major(self) -> bool:
        """Whether the batch comes before time and before the directions."""
        return self.flag("layout")

    def flag(self, name: str) -> bool:
        """Value of an attribute that is 0 or 1, and 0 where it is not given."""
        return bool(self._one_of(name, self.facts.get(name, 0), (0, 1)))

    def _one_of(self, name: str, value: Any, known: tuple[Any, ...]) -> Any:
        if value in known:
            return value
        expected = known[0] if len(known) == 1 else f"one of {known}"
        raise ValueError(
            f"{self.where}: {name} is {value!r}; expected {expected}. Export the model "
            "again."
        )

    @property
    def hidden_size(self) -> int:
        """``H``, as R has it."""
        return self.weights[0].r.shape[-1]

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the weights."""
        return self.weights[0].w.dtype

    def cells(self) -> list[Any]:
        """Makes the cell of each direction."""
        shared = {"hidden_size": self.hidden_size, "dtype": self.dtype}
        peephole = self.weights[0].p is not None
        return [self._cell(shared, peephole, way) for way in self._activations()]

    def _cell(self, shared: Any, peephole: bool, way: list[OnnxActivation]) -> Any:
        functions = tuple(activation.plain() for activation in way)
        if self.kind == "RNN":
            return Elman(**shared, activation=functions[0])
        if self.kind == "GRU":
            gru = {**shared, "reset_after": self.flag("linear_before_reset")}
            usual = functions == (jax.nn.sigmoid, jnp.tanh)
            return GRU(**gru) if usual else OnnxGRU(**gru, activations=functions)
        lstm = {**shared, "peephole": peephole, "coupled": self.flag("input_forget")}
        usual = functions == (jax.nn.sigmoid, jnp.tanh, jnp.tanh)
        return LSTM(**lstm) if usual else OnnxLSTM(**lstm, activations=functions)

    def _activations(self) -> list[list[OnnxActivation]]:
        usual = ACTIVATIONS[self.kind]
        names = [_text(n) for n in self.facts.get("activations", usual * self.ways)]
        count = len(usual)
        self._one_of("the number of activations", len(names), (count * self.ways,))
        # Each function that takes a number takes the next one, as long as there is one.
        alphas, betas = (
            iter(self.facts.get(f"activation_{n}", ())) for n in ("alpha", "beta")
        )
        # The input of an LSTM's last function, the cell, is not clipped.
        found = [
            self._activation(name, alphas, betas, clipped=n % count < 2)
            for n, name in enumerate(names)
        ]
        return [found[n : n + count] for n in range(0, len(found), count)]

    def _activation(
        self, name: str, alphas: Any, betas: Any, *, clipped: bool
    ) -> OnnxActivation:
        name = {known.lower(): known for known in FORMS}.get(name.lower(), name)
        takes = len(FORMS[name][1]) if name in FORMS else 0
        alpha = next(alphas, None) if takes > 0 else None
        beta = next(betas, None) if takes > 1 else None
        clip = self.facts.get("clip") if clipped else None
        try:
            return OnnxActivation(name, alpha, beta, clip)
        except ValueError as error:
            raise ValueError(f"{self.where}: {error}") from error

    @cached_property
    def weights(self) -> list[Weights]:
        """The weights of each direction, their shapes agreeing."""
        found = {name: self.constant(name) for name in "WRBP" if self.takes(name)}
        w, r = found["W"], found["R"]
        if w is None or r is None or (w.ndim, r.ndim) != (3, 3):
            raise ValueError(
                f"{self.where}: W is {checks.describe(w)} and R {checks.describe(r)}; "
                "expected three axes each. Export the model again."
            )
        if 0 in (*w.shape, *r.shape):
            raise ValueError(
                f"{self.where}: W is {checks.describe(w)} and R {checks.describe(r)}, "
                "of which a size is below 1; expected numbers. Export the model again."
            )
        hidden_size, ways = r.shape[-1], self.ways
        self._one_of(
            "hidden_size", self.facts.get("hidden_size", hidden_size), (hidden_size,)
        )
        fused = GATES[self.kind] * hidden_size
        shapes = {"W": (fused, w.shape[-1]), "R": (fused, hidden_size)}
        shapes |= {"B": (2 * fused,), "P": (3 * hidden_size,)}
        for name, value in found.items():
            self.check(name, value, (ways, *shapes[name]), w.dtype)
        self._check_dtype(w.dtype)
        every = [[None] * ways if (a := found.get(n)) is None else a for n in "WRBP"]
        return [Weights(*way) for way in zip(*every, strict=True)]

    def takes(self, name: str) -> bool:
        """Whether this kind of node has an input of that name."""
        return self.kind == "LSTM" or name not in ("P", "initial_c")

    def check(
        self, name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        """Refuses an array of another shape or dtype than W and R ask for."""
        if value is not None and (value.shape, value.dtype) != (shape, dtype):
            raise ValueError(
                f"{self.where}: {name} is {checks.describe(value)}; expected "
                f"{dtype}{list(shape)}, beside W and R. Export the model again."
            )

    def _check_dtype(self, dtype: np.dtype) -> None:
        floating = jnp.issubdtype(dtype, jnp.floating)
        if not floating or jax.dtypes.canonicalize_dtype(dtype) != dtype:
            raise ValueError(
                f"{self.where}: W is {dtype}; expected floating-point numbers that JAX "
                "holds as they are. For float64, switch on jax_enable_x64."
            )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
