"""Whether the output of one layer is the input of the next, only moved."""

from recur.interop.onnx.known import MOVES
from recur.interop.onnx.model import dtype_of, require_onnx
from recur.interop.onnx.moves import is_on
from recur.interop.onnx.node import Node
from recur.interop.onnx.scope import Place
from recur.interop.onnx.size import Size, multiplied
from recur.interop.onnx.tensor import Shape

# The axes of a tensor: of each the names of those that it joins, of size 1 none.
Axes = list[tuple[str, ...]]
Sizes = dict[str, int | Size]
# Nodes that leave all entries in their order.
ORDERLY = {"Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}


def is_same(name: str, below: Node, above: Node) -> bool:
    """Whether two nodes take the same tensor at an input, or equal constants."""
    one, other = (node.tensor(name).values for node in (below, above))
    if one is not None and other is not None:
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and one.tolist() == other.tolist()
    ends = [_straight(node, node.input(name), None)[0] for node in (below, above)]
    return ends[0] == ends[1]


def _straight(node: Node, place: Place, end: Place | None) -> tuple[Place, list[Place]]:
    """The tensor that others only move to make one, and the latter on the way."""
    path = []
    while place != end and node.known.kind(place) in MOVES - {"Concat"}:
        maker = place.scope.makers[place.name]
        if place.name != maker.output[0]:
            break
        path.append(place)
        place = place.scope.find(maker.input[0])
    return place, path


def feeds(below: Node, above: Node) -> bool:
    """Whether the X of a node is the Y of another with its directions side by side."""
    y = below.scope.find(below.node.output[0])
    place, path = _straight(above, above.input("X"), y)
    if place != y:
        return False
    time = "BT" if below.batch_major else "TB"
    names = "BTDH" if below.batch_major else "TDBH"
    sizes: Sizes = dict(zip(names, above.known.tensor(y).shape or (), strict=False))
    kept = {name for name in names if sizes.get(name) != 1}
    axes: Axes | None = [(name,) if name in kept else () for name in names]
    for place in reversed(path):
        axes = None if axes is None else _moved(below, place, axes, sizes)
    parts = (time[0], time[1], "DH")
    return axes == [tuple(name for name in part if name in kept) for part in parts]


def _moved(below: Node, place: Place, axes: Axes, sizes: Sizes) -> Axes | None:
    """Where the axes of a tensor are behind a node; None if it does more than move."""
    call, kind = below.known.call(place), below.known.kind(place)
    if kind == "Transpose":
        perm = call.facts.get("perm", range(len(axes))[::-1])
        return [axes[n] for n in perm] if len(perm) == len(axes) else None
    if kind == "Gather":
        axis = call.facts.get("axis", 0)
        index = call.inputs[1]
        alone = index is not None and index.shape in ((), (1,))
        orderly = alone and -len(axes) <= axis < len(axes) and axes[axis] == ()
    elif kind == "Cast":
        orderly = _same_dtype(below, call.facts["to"])
    else:
        orderly = kind in ORDERLY and not (kind == "Dropout" and is_on(call))
    shape = below.known.tensor(place).shape
    return _joined(axes, shape, sizes) if orderly and shape is not None else None


def _same_dtype(below: Node, to: int) -> bool:
    tensor = require_onnx("from_onnx").TensorProto(data_type=to)
    return dtype_of(below.where, tensor) == below.dtype


def _joined(axes: Axes, shape: Shape, sizes: Sizes) -> Axes | None:
    """Joins or parts axes so that they have the sizes of a shape, in their order."""
    names = [name for axis in axes for name in axis]
    found: Axes = []
    for size in shape:
        axis: list[str] = []
        while multiplied(sizes[name] for name in axis) != size:
            if not names:
                return None
            axis.append(names.pop(0))
        found.append(tuple(axis))
    return None if names else found
