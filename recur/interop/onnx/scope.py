"""Where names of an ONNX model are looked up: graphs, their subgraphs and functions."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from recur.interop.onnx.model import require_onnx

STANDARD = ("", "ai.onnx")
# Calls within calls can be more than all nodes of a model, by far.
DEEPEST, MOST_SCOPES = 64, 4096


class Place(NamedTuple):
    """A tensor: its name and the scope that defines it."""

    scope: "Scope"
    name: str


class Scope:
    """The names of a graph, of a subgraph in it or of one call of a function.

    Args:
      body: The ``GraphProto`` or ``FunctionProto``.
      outer: The scope around a subgraph or a call.
      call: Node that calls the function.

    Example:
      >>> scope = Scope(require_onnx("doc").GraphProto())
      >>> scope.find("X").name, scope.find("X").scope is scope
      ('X', True)
    """

    def __init__(
        self, body: Any, outer: "Scope | None" = None, call: Any = None
    ) -> None:
        self.body, self.outer, self.call = body, outer, call
        self.nodes = body.node
        self.attributes = {} if call is None else self._given(body)
        self.bound = {} if call is None else dict(self._bound())
        self.constants: dict[str, Any] = {}
        self.makers = {name: node for node in body.node for name in node.output if name}
        infos = [*getattr(body, "value_info", ())]
        self.inputs: set[str] = set()
        if call is None:
            infos += [*body.output, *body.input]
            self.inputs = {info.name for info in body.input}
            self.constants = {tensor.name: tensor for tensor in body.initializer}
        self.infos = {info.name: info for info in infos}
        for node in body.node:
            if node.op_type == "Constant" and node.domain in STANDARD:
                self.constants |= {name: node for name in node.output}

    def _given(self, function: Any) -> dict[str, Any]:
        """What the attributes of a function are in this call."""
        get = require_onnx("from_onnx").helper.get_attribute_value
        usual = {a.name: get(a) for a in function.attribute_proto}
        assert self.outer is not None
        return usual | self.outer.facts(self.call)

    def _bound(self) -> Iterator[tuple[str, str]]:
        for place, name in enumerate(self.body.input):
            given = self.call.input
            yield name, given[place] if place < len(given) else ""

    def facts(self, node: Any) -> dict[str, Any]:
        """Values of the attributes of a node, by name."""
        get, found = require_onnx("from_onnx").helper.get_attribute_value, {}
        for each in node.attribute:
            if not each.ref_attr_name:
                found[each.name] = get(each)
            elif each.ref_attr_name in self.attributes:
                found[each.name] = self.attributes[each.ref_attr_name]
        return found

    def find(self, name: str) -> Place:
        """Finds the scope that defines a name, which is empty if there is no tensor."""
        scope: Scope = self
        while name:
            if scope.outer is not None and name in scope.bound:
                name, scope = scope.bound[name], scope.outer
            elif scope.outer is None or scope.defines(name) or scope.call is not None:
                break
            else:
                scope = scope.outer
        return Place(scope, name)

    def defines(self, name: str) -> bool:
        """Whether a name is of this very scope."""
        return name in self.constants or name in self.makers or name in self.inputs

    def depth(self) -> int:
        """Number of scopes around this one."""
        return 0 if self.outer is None else self.outer.depth() + 1

    def calls(self, function: Any) -> bool:
        """Whether this is within a call of that function."""
        scope: Scope | None = self
        while scope is not None and scope.body is not function:
            scope = scope.outer
        return scope is not None


def scopes_in(
    scope: Scope, path: str, functions: dict[Any, Any]
) -> Iterator[tuple[Scope, str]]:
    """Gives the scopes within one, each with the names of the nodes around it.

    Example:
      >>> list(scopes_in(Scope(require_onnx("doc").GraphProto()), "", {}))
      []
    """
    found, count = [(scope, path)], 0
    while found:
        scope, path = found.pop()
        for node in scope.nodes:
            inner = [*_within(scope, node, functions)]
            name = node.name or next(iter(node.output), "")
            count += len(inner)
            if count > MOST_SCOPES or (inner and scope.depth() > DEEPEST):
                raise ValueError(
                    "from_onnx: model has too many graphs and calls of functions "
                    f"within each other; expected up to {MOST_SCOPES}, {DEEPEST} deep. "
                    "Take the recurrent node out, into the main graph of a model."
                )
            inside = [(each, f"{path}{name}/") for each in inner]
            yield from inside
            found.extend(inside)


def _within(scope: Scope, node: Any, functions: dict[Any, Any]) -> Iterator[Scope]:
    for each in node.attribute:
        graphs = [each.g] if each.HasField("g") else each.graphs
        yield from (Scope(graph, scope) for graph in graphs)
    function = functions.get(key_of(node))
    if function is not None and not scope.calls(function):
        yield Scope(function, scope, node)


def functions_of(model: Any) -> dict[Any, Any]:
    """Finds the functions of a model by what nodes call them.

    Example:
      >>> functions_of(require_onnx("doc").ModelProto())
      {}
    """
    return {key_of(f, f.name): f for f in model.functions}


def key_of(message: Any, name: str = "") -> tuple[str, str, str]:
    """Domain, name and overload of a function, or of the node that calls it.

    Example:
      >>> key_of(require_onnx("doc").NodeProto(op_type="LSTM"))
      ('', 'LSTM', '')
    """
    domain = "" if message.domain in STANDARD else message.domain
    return domain, name or message.op_type, getattr(message, "overload", "")
