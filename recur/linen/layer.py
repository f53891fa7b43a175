"""A layer over whole sequences, with or without a carry of its own."""

from collections.abc import Mapping
from typing import Any, Unpack

import jax

from recur._arguments import check_bools, checks_first
from recur._flax.refusals import OPTIONS, check_cell, check_options, check_order
from recur._flax.rolling import batch_of, check_stateful, restart, roll
from recur.linen.cell import dropout_key
from recur.linen.variables import Axes, FrozenDict, Variables, nn
from recur.types import Array, ModuleOptions, PyTree


def _check_fields(*_: Any, **given: Any) -> None:
    for name in given:
        if name in OPTIONS:
            raise TypeError(
                f"linen.RNN: {name} is no attribute of the layer; expected it among "
                f'options, or in a call. Write options={{"{name}": ...}}.'
            )


@checks_first(_check_fields)
class RNN(nn.Module):
    r"""Rolls any cell over ``[*batch, T, I]``, with all that ``recur.unroll`` knows.

    Args:
      cell: Any cell, composition or layer, such as ``recur.LSTM(64)`` or
        ``recur.Bidirectional(recur.GRU(64))``.
      stateful: Whether the carry lives in the collection ``carry`` and goes on from
        call to call: apply with ``mutable=["carry"]``. ``init`` does not advance it.
        Under ``nn.scan`` call ``init`` outside of it, as for any carried collection.
      detach: Whether gradients end at the carry that the last call left, which is
        truncated back-propagation through time.
      return_carry: Whether calls give ``(carry, ys)`` and not ``ys`` alone.
      time_major: Whether inputs are ``[T, *batch, I]``.
      reverse: Whether to walk from the last step to the first; ``ys`` stays in order.
      partitioning: As in :class:`Cell`, and the parts of a stateful carry too; a carry
        of one array is named ``h``.
      deterministic: Whether no masks are drawn; by default, when no rng ``dropout``
        came.
      options: Further arguments of :func:`recur.unroll`: ``{"remat": "sqrt"}``.

    Raises:
      TypeError: If ``cell`` is no cell, or an argument belongs into ``options``.

    Example:
      >>> layer, xs = RNN(recur.LSTM(64), stateful=True), jnp.ones((2, 7, 3))
      >>> variables = layer.init(jax.random.key(0), xs)
      >>> ys, new = layer.apply(variables, xs, mutable=["carry"])
      >>> more, _ = layer.apply(variables | new, xs, mutable=["carry"])
      >>> jax.tree.map(jnp.shape, new)
      {'carry': {'cell': {'c': (2, 64), 'h': (2, 64)}}}
    """

    cell: Any
    stateful: bool = False
    detach: bool = False
    return_carry: bool = False
    time_major: bool = False
    reverse: bool = False
    partitioning: Axes = FrozenDict()
    deterministic: bool | None = None
    options: Mapping[str, Any] = FrozenDict()

    def __post_init__(self) -> None:
        check_cell("linen.RNN", self.cell, "init", "init_carry")
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        xs: Array,
        *,
        initial_carry: PyTree = None,
        init_key: Array | None = None,
        reset_rows: Array | None = None,
        deterministic: bool | None = None,
        return_carry: bool | None = None,
        time_major: bool | None = None,
        reverse: bool | None = None,
        keep_order: bool | None = None,
        **options: Unpack[ModuleOptions],
    ) -> PyTree:
        """Rolls the cell over ``xs``.

        Args:
          xs: ``[*batch, T, I]``, or ``[T, *batch, I]`` if ``time_major``.
          initial_carry: Enters in place of a new or a stored carry, laid out as the
            one that ``return_carry`` gives.
          init_key: Not used; ``nn.Bidirectional`` hands it down.
          reset_rows: Booleans ``[*batch]``: rows that start anew at this call.
          deterministic: As the attribute, which it overrides like the next three.
          return_carry: Whether to give ``(carry, ys)`` and not ``ys`` alone.
          time_major: Whether time is the first axis of ``xs``, flags and ``ys``.
          reverse: Whether to walk from the last step to the first.
          keep_order: Not to be False: ``ys`` is always in the order of ``xs``.
          **options: ``seq_lengths``, integers ``[*batch]``; ``mask`` and ``reset``,
            booleans ``[*batch, T]``; ``remat`` and whatever else :func:`recur.unroll`
            takes. A reset starts from the cell's own carry.

        Returns:
          ``ys [*batch, T, H]``, or ``(carry, ys)``; of a :class:`recur.Bidirectional`
          ``carry.join()`` is what each direction has at its own end.

        Raises:
          TypeError: If an option is not known.
          ValueError: If shapes do not fit, or a length is above ``T``.
        """
        check_order("linen.RNN", keep_order)
        check_options("linen.RNN", {**self.options, **options})
        backwards = _first(reverse, self.reverse)
        choices = {"stateful": self.stateful, "detach": self.detach}
        choices |= {"return_carry": _first(return_carry, self.return_carry)}
        check_bools("linen.RNN", **choices, reverse=backwards)
        check_stateful(
            "linen.RNN", self.cell, stateful=self.stateful, reverse=backwards
        )
        time_major = self.time_major if time_major is None else time_major
        batch = batch_of("linen.RNN", xs, time_major=time_major)
        held = Variables(self.cell, self.partitioning, name="cell")
        params = held.params(xs.shape[-1])
        anew = self.cell.init_carry(batch, params=params)
        carry = self._stored(held, anew) if initial_carry is None else initial_carry
        if reset_rows is not None:
            carry = restart("linen.RNN", reset_rows, anew, carry, batch)
        given: dict[str, Any] = {**self.options, "reverse": backwards, **options}
        asked = _first(deterministic, self.deterministic)
        key = dropout_key(self, params, xs.shape[-1], asked)
        given |= {"time_major": time_major, "key": key}
        carry, ys = roll(self.cell, params, carry, xs, **given)
        if self.stateful:
            held.put_carry(anew if self.is_initializing() else carry)
        return (carry, ys) if _first(return_carry, self.return_carry) else ys

    def _stored(self, held: Variables, anew: PyTree) -> PyTree:
        if not self.stateful or not held.has("carry", anew):
            return anew
        carry = held.get("carry", anew)
        return jax.lax.stop_gradient(carry) if self.detach else carry


def _first(asked: bool | None, otherwise: Any) -> Any:
    return otherwise if asked is None else asked


__all__ = ["RNN"]
