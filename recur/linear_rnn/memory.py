"""A matrix that is written to at keys and read by queries, behind what makes these."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic

import jax

from recur import _checks as checks
from recur._ops.wide import widened
from recur._roll.chunked.resolve import register_rule
from recur._roll.composed import Composed, Part
from recur._roll.linear.rank_one import RankOne, take_step
from recur.cells.gated import Carry, Params
from recur.linear_rnn.matrix import MatrixCell
from recur.types import Array, PyTree


@dataclass(frozen=True)
class Memory:
    """The matrix alone: its input says what to do with it.

    Example:
      >>> one = jnp.ones(1)
      >>> Memory().step(None, jnp.zeros((1, 1)), RankOne(None, one, 3 * one, one))
      (Array([[3.]], dtype=float32), Array([3.], dtype=float32))
    """

    def step(self, params: None, s: Array, x: RankOne) -> tuple[Array, Array]:
        """Advances by one step: ``(S, q S)``."""
        new, found = take_step(x, widened(s))
        found = self.read(params, found, x)
        return new.astype(s.dtype), jax.tree.map(lambda a: a.astype(s.dtype), found)

    def elements(self, params: None, x: RankOne) -> RankOne:
        """Gives the input."""
        return x

    def read(self, params: None, found: Array, x: RankOne) -> Any:
        """Gives what was found, and what goes on beside it."""
        return found if x.aside is None else (found, x.aside)


_MEMORY: Any = Memory()

register_rule(Memory, lambda memory, params, carry: memory)


@dataclass(frozen=True, kw_only=True)
class MemoryCell(MatrixCell[Params], Composed, Generic[Params, Carry]):
    r"""A :class:`MatrixCell` whose keys and values see a few steps of the past.

    .. math::
        (f_t, e_t) = \mathrm{front}(f_{t-1}, x_t), \qquad
        S_t = \mathrm{update}(e_t, S_{t-1}), \qquad
        y_t = \mathrm{read}(q_t S_t, x_t)

    A subclass gives :meth:`front`, a step of its own, such as a short convolution, and
    :meth:`read`. ``carry_type`` has ``s`` first, then what ``front`` carries. Each part
    is rolled by itself, for all steps.

    Args:
      hidden_size: ``H``, the size of the output.
      heads: Which share the sizes of keys and values.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> class Shifted(DeltaNet):
      ...     def front(self, params, carry, x):
      ...         carry, done = super().front(params, carry, x)
      ...         decay = jnp.full((*done.key.shape[:-1], 1), -0.1)
      ...         return carry, done._replace(log_decay=decay)
      >>> cell = Shifted(4, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))[1].shape
      (5, 4)
    """

    recomputed = True

    @abstractmethod
    def front(
        self, params: Params, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Makes of an input, and of its own carry, what is done with the matrix."""
        ...

    def equations(self, params: Params, carry: Any, x: Array) -> tuple[Any, Any]:
        """Those above."""
        s, *rest = carry
        rest, done = self.front(params, tuple(rest), x)
        s, found = take_step(done, s)
        found = Memory().read(None, found, done)
        return self.carry_type(s, *rest), self.read(params, found, x)

    def parts(self, params: Params, carry: Any) -> list[Part]:
        """Lists what makes keys and values, and the matrix."""
        where, made = f"{type(self).__name__}.step", f"{type(self).__name__}(...).init"
        checks.check_type(where, "params", params, self.params_type, made)
        checks.check_type(where, "carry", carry, self.carry_type, f"{made}_carry")
        s, *rest = carry
        return [Part(self._in_front, params, tuple(rest)), Part(_MEMORY, None, s)]

    def join(self, carries: list[PyTree]) -> Any:
        """Makes the carry of theirs."""
        rest, s = carries
        return self.carry_type(s, *rest)

    def act_on_all(self, params: Params, xs: Array, ys: Any) -> Array:
        """Reads all steps at once."""
        dtype = jax.tree.leaves(ys)[0].dtype
        return self.read(params, jax.tree.map(widened, ys), xs).astype(dtype)

    def _in_front(
        self, params: Params, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        new, done = self.front(params, jax.tree.map(widened, carry), x)
        return jax.tree.map(lambda a, b: a.astype(b.dtype), new, carry), done


__all__ = ["Memory", "MemoryCell"]
