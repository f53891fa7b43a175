"""How many operations the compiled loop body has, read off the program's text."""

import re

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
_OPERATION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = .*?\s([\w\-]+)\(")
_BODY = re.compile(r"\bbody=%?([\w.\-]+)")

# These name a value or a place; nothing runs for them.
_FREE = {"parameter", "constant", "get-tuple-element", "tuple", "bitcast"}


def loop_ops(text: str) -> tuple[int, ...]:
    """Counts the operations of every ``while`` body, in the order of the program.

    A fusion counts as one, since it is one kernel; parameters, constants and tuples do
    not count. The fewer, the less a step has to do besides arithmetic.

    Args:
      text: ``compiled.as_text()``.

    Example:
      >>> loop_ops('''
      ... %body (p: f32[2]) -> f32[2] {
      ...   %p = f32[2] parameter(0)
      ...   ROOT %a = f32[2]{0} add(%p, %p)
      ... }
      ... ENTRY %main (x: f32[2]) -> f32[2] {
      ...   %x = f32[2] parameter(0)
      ...   ROOT %w = f32[2]{0} while(%x), condition=%cond, body=%body
      ... }
      ... ''')
      (1,)
    """
    operations = _operations(text)
    return tuple(len(operations.get(name, ())) for name in _BODY.findall(text))


def _operations(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if opening := _COMPUTATION.match(line):
            current = found.setdefault(opening[1], [])
        elif (operation := _OPERATION.match(line)) and operation[1] not in _FREE:
            current.append(operation[1])
    return found
