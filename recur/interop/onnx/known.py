"""What a model itself says of its tensors: shapes, and values that nothing computes."""

from typing import Any

import numpy as np

from recur.interop.onnx import moves, repeats
from recur.interop.onnx.model import to_array
from recur.interop.onnx.scope import STANDARD, Place, Scope
from recur.interop.onnx.size import Size
from recur.interop.onnx.tensor import Call, Room, Shape, Tensor, UnclearError

RULES = moves.RULES | repeats.RULES
# Of these the entries come in at the first place, of Concat at all of them.
MOVES = {*moves.RULES, "Expand", "Tile"}
RECURRENT = ("RNN", "GRU", "LSTM")
# What may be copied: so many numbers, and so many times those that the model holds.
ROOM, TIMES = 2**24, 8


class Known:
    """Looks tensors up, each once.

    Args:
      held: How many numbers the model holds.
      own: Names of the functions that the model puts in the place of operators.

    Example:
      >>> import onnx
      >>> known, scope = Known(), Scope(onnx.GraphProto())
      >>> known.tensor(scope.find("X")).values is None
      True
    """

    def __init__(self, held: int = 0, own: frozenset[str] = frozenset()) -> None:
        self.room, self.own = Room(ROOM + TIMES * held), own
        self.found: dict[Place, Tensor] = {}

    def tensor(self, place: Place) -> Tensor:
        """What is known of a tensor."""
        waiting, seen = [place], set()
        while waiting:
            place = waiting[-1]
            needs = [] if place in seen else self._needs(place)
            seen.add(place)
            needs = [need for need in needs if need not in self.found]
            if needs:
                waiting.extend(needs)
            elif waiting.pop() not in self.found:
                self.found[place] = self._look(place)
        return self.found[place]

    def kind(self, place: Place) -> str:
        """The operator that makes a tensor, empty if no such does."""
        node = place.scope.makers.get(place.name)
        standard = node is not None and node.domain in STANDARD
        if node is None or not standard or node.op_type in self.own:
            return ""
        return node.op_type

    def _needs(self, place: Place) -> list[Place]:
        kind = self.kind(place)
        if place.name in place.scope.constants or kind not in (*RULES, *RECURRENT):
            return []
        names = place.scope.makers[place.name].input
        return [place.scope.find(n) for n in names[: 3 if kind in RECURRENT else None]]

    def _look(self, place: Place) -> Tensor:
        scope, name = place
        if name in scope.constants:
            return _constant(scope, name)
        declared, kind = _declared(scope, name), self.kind(place)
        if kind not in (*RULES, *RECURRENT):
            return declared
        call = self.call(place)
        reasons = [each.reason for each in call.inputs if each is not None]
        reason = next(filter(None, reasons), "")
        try:
            found = _recurrent(call) if kind in RECURRENT else RULES[kind](call)
        except Exception as error:  # What does not fit ends as NumPy likes it.
            reason = reason or f"the {kind} node that makes '{name}': {error}"
            return declared._replace(reason=reason)
        return found if found.values is not None else found._replace(reason=reason)

    def call(self, place: Place) -> Call:
        """The node that makes a tensor, with what has been found of its inputs."""
        scope, name = place
        node, facts = scope.makers[name], scope.facts(scope.makers[name])
        places = [scope.find(each) for each in node.input]
        inputs = [self.found.get(p, Tensor()) if p.name else None for p in places]
        output = [*node.output].index(name)
        return Call(name, facts, inputs, self.room, output, len(node.output))

    def sources(self, place: Place) -> list[Place]:
        """Tensors whose entries are only moved and repeated to make this one."""
        found, ahead, seen = [], [place], set()
        while ahead:
            place = ahead.pop()
            if place in seen or not place.name:
                continue
            seen.add(place)
            node = place.scope.makers.get(place.name)
            moved = node is not None and self._moves(place)
            if node is None or not moved or place.name in place.scope.constants:
                found.append(place)
                continue
            taken = node.input if node.op_type == "Concat" else node.input[:1]
            ahead.extend(place.scope.find(name) for name in taken)
        return found

    def _moves(self, place: Place) -> bool:
        node = place.scope.makers[place.name]
        masks = node.op_type == "Dropout" and place.name != node.output[0]
        return self.kind(place) in MOVES and not masks


def _constant(scope: Scope, name: str) -> Tensor:
    held = scope.constants[name]
    try:
        if held.DESCRIPTOR.name == "TensorProto":
            values = to_array("", name, held)
        else:
            values = _attribute(scope, held)
    except ValueError as error:
        shape = tuple(getattr(held, "dims", ())) or None
        return Tensor(shape, None, str(error).removeprefix(": "))
    return Tensor(values.shape, values)


def _attribute(scope: Scope, node: Any) -> np.ndarray:
    facts = scope.facts(node)
    if "value" in facts:
        return to_array("", node.output[0], facts["value"])
    kinds = {"value_float": np.float32, "value_floats": np.float32}
    kinds |= {"value_int": np.int64, "value_ints": np.int64}
    for name, dtype in kinds.items():
        if name in facts:
            return np.asarray(facts[name], dtype)
    raise ValueError(f"the tensor '{node.output[0]}' holds {', '.join(facts)}")


def _declared(scope: Scope, name: str) -> Tensor:
    """The shape that the model gives for a tensor."""
    info = scope.infos.get(name)
    if info is None or not info.type.tensor_type.HasField("shape"):
        return Tensor()
    dims = info.type.tensor_type.shape.dim
    return Tensor(tuple(_size(name, n, dim) for n, dim in enumerate(dims)))


def _size(name: str, axis: int, dim: Any) -> int | Size:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return dim.dim_value
    return Size(1, (dim.dim_param or f"{name}[{axis}]",))


def _recurrent(call: Call) -> Tensor:
    """The shape of an output, of which time and batch are those of the input."""
    x, _, r = (each or Tensor() for each in call.inputs[:3])
    time, batch = (Size(1, (f"{call.name}[{n}]",)) for n in range(2))
    if x.shape is not None:
        time, batch = x.shape[:2]
    if r.shape is None:
        raise UnclearError("the shape of R is open")
    both = call.facts.get("direction") == b"bidirectional"
    ways, hidden_size = 2 if both else 1, r.shape[-1]
    if call.facts.get("layout", 0):
        batch, time = time, batch
        return Tensor(
            ((batch, time) if not call.output else (batch,)) + (ways, hidden_size)
        )
    last: Shape = (ways, batch, hidden_size)
    return Tensor(last if call.output else (time, *last))
