"""A layer over whole sequences, with or without a carry of its own."""

from typing import Any, Unpack

import jax

from recur._arguments import check_bools
from recur._flax.refusals import check_cell, check_options, check_order
from recur._flax.rolling import batch_of, check_stateful, restart, roll
from recur.nnx.variables import Axes, Params, hold, is_variable, nnx, values
from recur.types import Array, ModuleOptions, PyTree


class Carry(nnx.Variable):
    """One array of the carry that a stateful layer keeps from call to call.

    Example:
      >>> nnx.state(nnx.Dict(h=Carry(jnp.zeros(2))), Carry).h.shape
      (2,)
    """


class RNN(nnx.Module):
    """Rolls any cell over ``[*batch, T, I]``, with all that ``recur.unroll`` knows.

    Args:
      cell: Any cell, composition or layer, such as ``recur.LSTM(64)`` or
        ``recur.Bidirectional(recur.GRU(64))``.
      input_size: ``I``.
      batch_shape: If given, the layer is stateful: it keeps a carry for this batch in
        variables :class:`Carry`, which goes on from call to call.
      detach: Whether gradients end at the carry that the last call left, which is
        truncated back-propagation through time.
      return_carry: Whether calls give ``(carry, ys)`` and not ``ys`` alone.
      time_major: Whether inputs are ``[T, *batch, I]``.
      reverse: Whether to walk from the last step to the first; ``ys`` stays in order.
      partitioning: As in :class:`Cell`, and the parts of a stateful carry too; a carry
        of one array is named ``h``.
      deterministic: As in :class:`Cell`.
      rngs: As in :class:`Cell`.
      **options: Further arguments of :func:`recur.unroll`, such as ``remat="sqrt"``.

    Raises:
      TypeError: If ``cell`` is no cell, or an option is not known.
      ValueError: If ``partitioning`` names what is no part of params or carry.

    Example:
      >>> layer = RNN(recur.LSTM(64), 3, batch_shape=(2,), rngs=nnx.Rngs(0))
      >>> ys, more = layer(jnp.ones((2, 7, 3))), layer(jnp.ones((2, 5, 3)))
      >>> layer.reset_carry(rows=jnp.array([True, False]))
      >>> layer.carry.h.shape, bool((layer.carry.h[0] == 0).all())
      ((2, 64), True)
    """

    def __init__(
        self,
        cell: Any,
        input_size: int,
        *,
        batch_shape: tuple[int, ...] | None = None,
        detach: bool = False,
        return_carry: bool = False,
        time_major: bool = False,
        reverse: bool = False,
        partitioning: Axes | None = None,
        deterministic: bool = False,
        rngs: nnx.Rngs,
        **options: Unpack[ModuleOptions],
    ) -> None:
        check_cell("nnx.RNN", cell, "init", "init_carry")
        check_options("nnx.RNN", options, _MADE_OTHERWISE)
        choices = {"detach": detach, "return_carry": return_carry, "reverse": reverse}
        choices |= {"time_major": time_major, "deterministic": deterministic}
        check_bools("nnx.RNN", **choices)
        kept = batch_shape is not None
        check_stateful("nnx.RNN", cell, stateful=kept, reverse=reverse)
        axes, flags = partitioning or {}, {"deterministic": deterministic, "rngs": rngs}
        self.cell = Params(cell, input_size, partitioning=axes, **flags)
        self.detach, self.return_carry = detach, return_carry
        self.time_major, self.reverse = time_major, reverse
        self.options = tuple(options.items())  # A dict would have no hash.
        self.batch_shape, self.carry = batch_shape, nnx.data(None)
        if batch_shape is not None:
            self.carry = nnx.data(hold(Carry, self._anew(batch_shape), "h", axes))
            self.batch_shape = tuple(batch_shape)

    def __call__(
        self,
        inputs: Array,
        *,
        initial_carry: PyTree = None,
        rngs: Any = None,
        deterministic: bool | None = None,
        return_carry: bool | None = None,
        time_major: bool | None = None,
        reverse: bool | None = None,
        keep_order: bool | None = None,
        **options: Unpack[ModuleOptions],
    ) -> PyTree:
        """Rolls the cell over ``inputs``.

        Args:
          inputs: ``[*batch, T, I]``, or ``[T, *batch, I]`` if ``time_major``.
          initial_carry: Enters in place of a new or a stored carry, laid out as the
            one that ``return_carry`` gives.
          rngs: An ``nnx.Rngs`` whose stream ``dropout`` draws masks in place of the
            layer's own.
          deterministic: As the attribute, which it overrides like the next three.
          return_carry: Whether to give ``(carry, ys)`` and not ``ys`` alone.
          time_major: Whether time is the first axis of inputs, flags and ``ys``.
          reverse: Whether to walk from the last step to the first.
          keep_order: Not to be False: ``ys`` is always in the order of ``inputs``.
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
        check_order("nnx.RNN", keep_order)
        check_options("nnx.RNN", options)
        reverse = self.reverse if reverse is None else reverse
        stateful = self.carry is not None
        check_stateful("nnx.RNN", self.cell.cell, stateful=stateful, reverse=reverse)
        time_major = self.time_major if time_major is None else time_major
        batch = batch_of("nnx.RNN", inputs, time_major=time_major)
        carry = self._start(batch) if initial_carry is None else initial_carry
        given: dict[str, Any] = {**dict(self.options), **options}
        given |= {"time_major": time_major, "reverse": reverse}
        given["key"] = self.cell.dropout_key(rngs, deterministic)
        params = values(self.cell.params)
        carry, ys = roll(self.cell.cell, params, carry, inputs, **given)
        if self.carry is not None:
            self._keep(carry)
        return_carry = self.return_carry if return_carry is None else return_carry
        return (carry, ys) if return_carry else ys

    def reset_carry(self, rows: Array | None = None) -> None:
        """Starts anew the rows that are True in ``rows [*batch]``, by default all.

        Raises:
          ValueError: If the layer keeps no carry, or ``rows`` do not fit it.
        """
        where = "nnx.RNN.reset_carry"
        if self.batch_shape is None:
            raise ValueError(
                f"{where}: batch_shape is None and no carry is kept; expected a "
                "stateful layer. Make it with batch_shape=(32,)."
            )
        anew, shape = self._anew(self.batch_shape), self.batch_shape
        if rows is not None:
            anew = restart(where, rows, anew, values(self.carry), shape)
        self._keep(anew)

    def _anew(self, batch: tuple[int, ...]) -> PyTree:
        return self.cell.cell.init_carry(batch, params=values(self.cell.params))

    def _start(self, batch: tuple[int, ...]) -> PyTree:
        if self.carry is None:
            return self._anew(batch)
        carry = values(self.carry)
        return jax.lax.stop_gradient(carry) if self.detach else carry

    def _keep(self, carry: PyTree) -> None:
        def keep(variable: nnx.Variable, a: Array) -> None:
            variable.set_value(a)

        jax.tree.map(keep, self.carry, carry, is_leaf=is_variable)


_MADE_OTHERWISE = {
    "stateful": "Write batch_shape=(32,), and the layer keeps a carry for 32 rows.",
    "options": "Write each by itself, such as remat='sqrt'.",
}

__all__ = ["RNN", "Carry"]
