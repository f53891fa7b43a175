"""What each library can hold; everything else is refused in the same words."""

from dataclasses import dataclass
from typing import Any

from recur import _checks as checks
from recur.cells.elman import Elman, ElmanParams
from recur.cells.gru import GRU, GRUParams
from recur.cells.lstm import LSTM, LSTMParams
from recur.compose.bidirectional import Bidirectional
from recur.interop._shared.gates import GATES, Params
from recur.interop._shared.weights import check_rank, check_weights
from recur.types import Activation

PARAMS: dict[type, type[Params]] = {
    LSTM: LSTMParams,
    GRU: GRUParams,
    Elman: ElmanParams,
}


@dataclass(frozen=True)
class Holds:
    """What a library can hold, so that everything else is refused in the same words.

    Args:
      library: Its name, for the message.
      kinds: The cells it has.
      projection: Whether its LSTM has a projection.
      reset_after: The forms of its GRU.
      activations: Those of its Elman unit, ``None`` for any.

    Example:
      >>> Holds("torch").check("doc", GRU(5, reset_after=False), None)
      Traceback (most recent call last):
      ValueError: doc: cell has reset_after=False; expected True, the only form ...
    """

    library: str
    kinds: tuple[type, ...] = (LSTM, GRU, Elman)
    projection: bool = False
    reset_after: tuple[bool, ...] = (True,)
    activations: tuple[Activation, ...] | None = None

    def check(self, where: str, cell: Any, params: Any) -> None:
        """Refuses a cell that the library lacks, or params that are not of the cell."""
        if type(cell) not in self.kinds:
            names = ", ".join(kind.__name__ for kind in self.kinds)
            raise TypeError(
                f"{where}: cell is {checks.describe(cell)}; {self.library} has only "
                f"{names}. Pass one of these, or the one inside a wrapper."
            )
        if isinstance(cell, LSTM):
            self._check_lstm(where, cell)
        elif isinstance(cell, GRU) and cell.reset_after not in self.reset_after:
            raise ValueError(
                f"{where}: cell has reset_after={cell.reset_after}; expected "
                f"{self.reset_after[0]}, the only form of {self.library}. The forms "
                "are different functions; Keras and ONNX hold both."
            )
        elif isinstance(cell, Elman):
            self._check_elman(where, cell)
        check_params(where, cell, params)

    def _check_lstm(self, where: str, cell: LSTM) -> None:
        if cell.peephole:
            raise ValueError(
                f"{where}: cell has peephole=True, which {self.library} has no place "
                "for. Of the other formats, ONNX holds it."
            )
        if cell.coupled:
            raise ValueError(
                f"{where}: cell has coupled=True, which {self.library} has no place "
                "for. Make an LSTM with coupled=False of it, whose weights for f are "
                "those for i negated: 1 - sigmoid(a) = sigmoid(-a)."
            )
        if cell.projection_size is not None and not self.projection:
            raise ValueError(
                f"{where}: cell has projection_size={cell.projection_size}, which "
                f"{self.library} has no place for. Of the other formats, torch "
                "hold it."
            )

    def _check_elman(self, where: str, cell: Elman) -> None:
        if self.activations is None or cell.activation in self.activations:
            return
        names = " or ".join(sorted({a.__name__ for a in self.activations}))
        name = getattr(cell.activation, "__name__", repr(cell.activation))
        raise ValueError(
            f"{where}: cell has the activation {name}; expected {names} of jax.nn, as "
            f"in {self.library}. If it is the same function, say so by passing that."
        )


def check_merge(where: str, holds: Holds, cell: Bidirectional) -> None:
    """Refuses a way to merge directions that the library lacks.

    Example:
      >>> check_merge("doc", Holds("torch"), Bidirectional(GRU(5), merge="sum"))
      Traceback (most recent call last):
      ValueError: doc: cell has merge='sum'; expected 'concatenate', the only way ...
    """
    if cell.merge != "concatenate":
        raise ValueError(
            f"{where}: cell has merge={cell.merge!r}; expected 'concatenate', the only "
            f"way of {holds.library}. Convert cell.forward and cell.backward alone."
        )


def check_params(where: str, cell: Any, params: Any) -> None:
    """Refuses params that are not of the cell, or do not fit together.

    Example:
      >>> check_params("doc", LSTM(5), LSTM(4).init(jax.random.key(0), 3))
      Traceback (most recent call last):
      ValueError: doc: params.w_ih is float32[3, 16]; expected the shape (3, 20), ...
    """
    kind = PARAMS[type(cell)]
    checks.check_type(where, "params", params, kind, f"{type(cell).__name__}.init")
    arrays = {f"params.{n}": w for n, w in params._asdict().items() if w is not None}
    for name, w in arrays.items():
        checks.check_array(where, name, w)
    check_rank(where, "params.w_ih", params.w_ih, 2)
    hidden_size, output_size = cell.hidden_size, cell.output_size
    fused = len(GATES[kind]) * hidden_size
    shapes = {
        "w_ih": (params.w_ih.shape[0], fused),
        "w_hh": (output_size, fused),
        "b": (fused,),
    }
    if isinstance(cell, GRU) and cell.reset_after:
        shapes["b_hn"] = (hidden_size,)
    if isinstance(cell, LSTM) and cell.projection_size is not None:
        shapes["w_hr"] = (hidden_size, output_size)
    check_weights(where, arrays, {f"params.{n}": shape for n, shape in shapes.items()})
