"""The four sizes of a roll, and the six shapes of record."""

from typing import NamedTuple


class Shape(NamedTuple):
    """Rows, steps, inputs and units of a roll; written ``B,T,I,H``."""

    batch: int
    steps: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


RECORD = (
    Shape(32, 128, 256, 256),
    Shape(8, 192, 128, 256),
    Shape(16, 128, 64, 64),
    Shape(64, 64, 512, 512),
    Shape(1, 512, 128, 128),
    Shape(128, 32, 64, 128),
)
"""Square and not, wide and thin, one row and many: what a roll meets in practice."""

BRIEF = (Shape(16, 128, 64, 64), Shape(8, 192, 128, 256))
"""Two of them that take milliseconds, for a first look."""


def parse_shape(text: str) -> Shape:
    """Reads ``B,T,I,H``.

    Raises:
      ValueError: If it is not four positive integers.
    """
    sizes = text.split(",")
    if len(sizes) != 4 or not all(s.strip().isdecimal() and int(s) for s in sizes):
        raise ValueError(
            f"--shapes: {text!r} is no shape; expected four positive integers B,T,I,H "
            "(rows, steps, inputs, units). Write for instance 32,128,256,256."
        )
    return Shape(*map(int, sizes))
