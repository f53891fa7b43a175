"""One thing to measure: a cell, a task, a shape and a dtype."""

from dataclasses import dataclass

from benchmarks.workload.shape import Shape


@dataclass(frozen=True)
class Layer:
    """One cell of a case: its kind and sizes, all a peer needs to make it."""

    cell: str
    input_size: int
    hidden_size: int
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """What every peer is asked to do, with the same weights and inputs.

    Args:
      suite: The suite it belongs to.
      cell: A name in :data:`benchmarks.workload.cells.CELLS`.
      task: ``forward`` is a roll; ``training`` a roll with the gradients of weights
        and inputs; ``step`` one step, its carry fed back from call to call;
        ``decode`` a greedy loop that feeds each output back as the next input.
      shape: ``B, T, I, H``; for ``decode`` the vocabulary has ``I`` entries.
      measure: What the case is about: ``time`` of a call, time to ``compile``, or
        ``memory`` for temporaries.
      dtype: Of weights, inputs and outputs.
      layers: Cells on top of each other.
      bidirectional: Whether each layer is walked both ways, outputs side by side.
      ragged: Whether rows end early.
      memory: ``full`` keeps what the backward pass needs; ``sqrt`` the carries of
        every √T-th step, from which the rest is computed again.
    """

    suite: str
    cell: str
    task: str
    shape: Shape
    measure: str = "time"
    dtype: str = "float32"
    layers: int = 1
    bidirectional: bool = False
    ragged: bool = False
    memory: str = "full"

    @property
    def directions(self) -> int:
        """Two if bidirectional, else one."""
        return 2 if self.bidirectional else 1

    @property
    def layer_stack(self) -> tuple[Layer, ...]:
        """The layers from the bottom up; the directions of one are alike."""
        _, _, inputs, hidden = self.shape
        above = Layer(self.cell, self.directions * hidden, hidden, self.dtype)
        bottom = Layer(self.cell, inputs, hidden, self.dtype)
        return (bottom, *[above] * (self.layers - 1))

    @property
    def label(self) -> str:
        """The case in words, without its suite and shape: ``lstm training``."""
        extras = [f"{self.layers} layers"] if self.layers > 1 else []
        extras += ["bidirectional"] if self.bidirectional else []
        extras += ["ragged"] if self.ragged else []
        extras += [f"memory={self.memory}"] if self.memory != "full" else []
        extras += [self.dtype] if self.dtype != "float32" else []
        return " ".join([self.cell, self.task, *extras])
