"""What random steps are composed of: small functions, each with the kinds it joins.

A ``row`` is ``[*B, H]``, a ``wide`` ``[*B, 2H]``, a ``spectrum`` a complex row, an
``index`` an integer a row, ``ints`` and ``mask`` are rows of integers and booleans, a
``weight`` is ``[H, H]``, a ``bias`` ``[H]``, a ``number`` has no axes. Values and
slopes are finite wherever the arguments are.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Op:
    """A function of values of the kinds ``takes`` that gives one of the kind ``gives``.

    Args:
      takes: Kinds of the arguments.
      gives: Kind of the result.
      run: The function.
      trait: ``"coarse"`` if it rounds, ``"one way"`` if it cannot be differentiated
        forwards, ``"first order"`` if not twice, ``"mixes"`` if rows see each other.
      often: How often it is drawn, against others.
    """

    takes: tuple[str, ...]
    gives: str
    run: Callable
    trait: str
    often: int

    @property
    def name(self) -> str:
        """That of the function."""
        return self.run.__name__


OPS: list[Op] = []


def op(signature, trait="", often=1):
    """Adds a function to the operations, ``"row weight -> row"``."""
    takes, gives = signature.split("->")

    def add(function):
        OPS.append(Op(tuple(takes.split()), gives.strip(), function, trait, often))
        return function

    return add


__all__ = ["OPS", "Op", "op"]
