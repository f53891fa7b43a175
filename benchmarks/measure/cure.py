"""One cure tried on one task: trained with several seeds at once, and looked into."""

from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.workload.cures import CURES, Cure, cuts, truncated
from benchmarks.workload.lag_tasks import LagTask
from recur import Readout, unroll
from recur.diagnostics import carry_gradient_norms

SEEN = 32
TESTED = 512


@dataclass(frozen=True)
class Budget:
    """How much work one row gets; the same for all rows of a table."""

    steps: int = 1000
    seeds: int = 3
    batch: int = 32
    hidden: int = 32


@dataclass(frozen=True)
class Outcome:
    """What came of one cure on one task, a number for each seed.

    ``reach`` is the norm of the gradient of the last step's loss at the first step,
    over that at the last, before and after training: 1 arrives as it set out.
    """

    task: str
    length: int
    cure: str
    budget: dict[str, int]
    floor: float
    solved: float
    scores: tuple[float, ...]
    reach: tuple[float, ...]
    reach_after: tuple[float, ...]
    seconds: float

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes a row the same row."""
        return self.task, self.length, self.cure, tuple(sorted(self.budget.items()))


def try_cure(task: LagTask, name: str, budget: Budget, data: Any) -> Outcome:
    """Trains all seeds, tests them on fresh examples, and measures their gradients."""
    start = perf_counter()
    keys = jax.vmap(jax.random.key)(jnp.arange(budget.seeds))
    run = jax.vmap(partial(_run, task, CURES[name], budget), in_axes=(None, 0))
    scores, before, after = jax.device_get(jax.jit(run)(data, keys))
    found = {"scores": scores, "reach": before, "reach_after": after}
    return Outcome(
        task=task.name,
        length=task.length,
        cure=name,
        budget=asdict(budget),
        floor=task.floor,
        solved=task.solved,
        seconds=round(perf_counter() - start, 1),
        **{n: tuple(map(float, values)) for n, values in found.items()},
    )


def _run(
    task: LagTask, cure: Cure, budget: Budget, data: Any, key: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    k_init, k_train, k_test = jax.random.split(key, 3)
    draw = partial(task.draw, data)
    steps = jax.eval_shape(partial(draw, batch=1, test=False), key)[0].shape[0]
    cell = Readout(cure.make(budget.hidden, steps), task.output_size)
    optimiser, roll = cure.optimiser(), _roll(cell, cure, steps)

    def loss(params: Any, xs: jax.Array, targets: Any) -> jax.Array:
        return jnp.mean(task.losses(roll(params, xs), targets))

    def update(state: Any, key: jax.Array) -> tuple[Any, None]:
        params, memory = state
        gradients = jax.grad(loss)(params, *draw(key, budget.batch, test=False))
        changes, memory = optimiser.update(gradients, memory, params)
        return (optax.apply_updates(params, changes), memory), None

    first = cell.init(k_init, task.input_size)
    state = first, optimiser.init(first)
    (last, _), _ = jax.lax.scan(update, state, jax.random.split(k_train, budget.steps))
    examples = draw(k_test, TESTED, test=True)
    score = task.score(roll(last, examples[0]), examples[1])
    seen = draw(k_test, SEEN, test=True)
    reach = partial(_reach, task, cell, seen)
    # Trained to NaN, a network answers nothing: that is no score.
    lost = ~jnp.isfinite(jnp.mean(task.losses(roll(last, examples[0]), examples[1])))
    return jnp.where(lost, jnp.nan, score), reach(first), reach(last)


def _roll(cell: Readout, cure: Cure, steps: int) -> Any:
    def whole(params: Any, xs: jax.Array) -> jax.Array:
        return unroll(cell, params, cell.init_carry(xs.shape[1:2]), xs)[1]

    def in_pieces(params: Any, xs: jax.Array) -> jax.Array:
        marked, carry = (
            (params, cuts(steps, cure.pieces)),
            cell.init_carry(xs.shape[1:2]),
        )
        return unroll(truncated(cell.step), marked, carry, xs)[1]

    return whole if cure.pieces == 1 else in_pieces


def _reach(task: LagTask, cell: Readout, seen: Any, params: Any) -> jax.Array:
    xs, targets = seen
    carry = cell.init_carry(xs.shape[1:2])

    def losses(ys: jax.Array) -> jax.Array:
        # Of a loss at every step, what is asked for at the last one.
        return task.losses(jax.lax.stop_gradient(ys).at[-1].set(ys[-1]), targets)

    norms = carry_gradient_norms(cell, losses, params, carry, xs)
    return jnp.median(norms[0] / norms[-1])
