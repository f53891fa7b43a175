"""The names that the weights of a layer have, and where in a model they stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recur._checks import describe


@dataclass(frozen=True)
class Layout:
    """The names of the weights of one kind of layer, without what stands before them.

    Args:
      layer: What it is, for messages.
      names: All of them.
      marks: Those that no other layer has.
      unused: Names that may stand beside them and count for nothing.
      refused: Names that make the layer another function, with the reason.

    Example:
      >>> layout = Layout("layer", ("a", "b.weight"), marks=("a",))
      >>> layout.starts(["x.a", "x.b.weight", "y.b.weight"])
      {'x.'}
    """

    layer: str
    names: tuple[str, ...]
    marks: tuple[str, ...]
    unused: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def starts(self, names: Iterable[str]) -> set[str]:
        """Finds what stands before the marks, such as ``"layers.0.mixer."``."""
        found = {n.removesuffix(m) for n in names for m in self.marks if n.endswith(m)}
        return {start for start in found if not start or start.endswith(".")}

    def check(self, where: str, names: Iterable[str], start: str) -> None:
        """Refuses a layer that lacks a weight, or has one that is not of its kind."""
        own = {n.removeprefix(start) for n in names if n.startswith(start)}
        for name, reason in self.refused.items():
            if name in own:
                raise ValueError(f"{where}: source has {start}{name}; {reason}")
        missing = [start + n for n in self.names if n not in own]
        strange = [start + n for n in sorted(own - {*self.names, *self.unused})]
        for kind, those in (("lacks", missing), ("also has", strange)):
            if those:
                raise ValueError(
                    f"{where}: source {kind} {few(those)}; expected all weights of "
                    f"{self.layer} and no other. Pass one whole layer, without what "
                    "was added to it, such as adapters or scales."
                )


def find_layer(
    where: str, names: Iterable[Any], prefix: str | None, layouts: Sequence[Layout]
) -> dict[str, str]:
    """Finds the one layer of any of several kinds: its names, and those in the model.

    Where one stands inside another, it is the outer one.

    Example:
      >>> layouts = Layout("outer", ("a",), ("a",)), Layout("inner", ("b",), ("b",))
      >>> find_layer("doc", ["x.b", "y.c"], None, layouts)
      {'b': 'x.b'}
    """
    names = [n for n in names if isinstance(n, str)]
    places = [(one, start) for one in layouts for start in sorted(one.starts(names))]
    if not places:
        raise ValueError(_nothing(where, names, layouts))
    starts = [start for _, start in places]
    if prefix is None:
        wanted = {s for s in starts if not _is_inside(s, starts)}
    else:
        wanted = {dotted(where, prefix)}
    fit = [(one, start) for one, start in places if start in wanted]
    if len(fit) != 1:
        raise ValueError(
            f"{where}: prefix is {describe(prefix)} and source has {len(starts)} such "
            f"layers; expected the prefix of one: {few(list(map(repr, starts)))}. Pass "
            "it as prefix=."
        )
    layout, start = fit[0]
    layout.check(where, names, start)
    return {name: start + name for name in layout.names}


def dotted(where: str, prefix: Any) -> str:
    """Ends a prefix with a dot, unless it is empty.

    Example:
      >>> dotted("doc", "layers.0.mixer")
      'layers.0.mixer.'
    """
    if not isinstance(prefix, str):
        raise TypeError(
            f"{where}: prefix is {describe(prefix)}; expected the start of the names, "
            "such as 'layers.0.mixer'."
        )
    return prefix if not prefix or prefix.endswith(".") else f"{prefix}."


def few(names: Sequence[str]) -> str:
    """Lists the first names.

    Example:
      >>> few(["a", "b", "c", "d", "e", "f", "g"])
      'a, b, c, d, e, f and 1 more'
    """
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def _is_inside(start: str, starts: Iterable[str]) -> bool:
    return any(start != outer and start.startswith(outer) for outer in starts)


def _nothing(where: str, names: list[str], layouts: Sequence[Layout]) -> str:
    marks = " or ".join(layout.marks[0] for layout in layouts)
    layers = " or ".join(dict.fromkeys(layout.layer for layout in layouts))
    return (
        f"{where}: source has {len(names)} names ({few(names) or 'none'}) and none "
        f"that ends in {marks}; expected the weights of {layers}. Pass the file or the "
        "state_dict itself, under the names that its makers gave it."
    )
