"""What a library must offer to be compared."""

from typing import ClassVar, Protocol

from benchmarks.measure.device import Device
from benchmarks.measure.program import Program
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data


class Peer(Protocol):
    """A library under comparison.

    A peer that cannot do a case says why, and is named as skipped with that reason.
    """

    name: ClassVar[str]

    def refuses(self, case: Case, device: Device) -> str | None:
        """Says why this peer has nothing to offer for a case on a device."""
        ...

    def prepare(self, case: Case, data: Data, device: Device) -> Program:
        """Makes a case ready: weights converted, compiled, called once."""
        ...
