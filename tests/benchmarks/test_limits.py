"""Work, ceilings and loop bodies: what a time is held against."""

import gc

import jax
import jax.numpy as jnp

from benchmarks.measure.ceiling import Ceiling, measure_ceiling
from benchmarks.measure.hlo import loop_ops
from benchmarks.measure.staging import stage
from benchmarks.workload.case import Case
from benchmarks.workload.data import draw
from benchmarks.workload.shape import Shape
from benchmarks.workload.work import Work, work

SHAPE = Shape(batch=2, steps=3, inputs=5, hidden=7)


def counted(**facts):
    facts = {"suite": "test", "cell": "lstm", "task": "forward", "shape": SHAPE} | facts
    case = Case(**facts)
    return work(case, draw(case))


def test_flops_of_an_lstm():
    forward = 2 * 3 * 2 * (5 + 7) * 4 * 7
    assert counted().flops == forward
    assert counted(task="training").flops == 3 * forward
    assert counted(bidirectional=True).flops == 2 * forward
    assert counted(layers=2).flops == forward + 2 * 3 * 2 * (7 + 7) * 4 * 7


def test_steps_past_the_end_of_a_row_are_no_work():
    case = Case(suite="s", cell="elman", task="forward", shape=SHAPE, ragged=True)
    data = draw(case)
    assert work(case, data).flops == 2 * int(data.lengths.sum()) * (5 + 7) * 7


def test_bytes_are_those_of_every_array_once():
    weights = (5 + 7 + 1) * 28
    arrays = weights + 2 * (2 * 2 * 7) + 3 * 2 * 5 + 3 * 2 * 7
    assert counted().bytes == 4 * arrays
    gradients = weights + 3 * 2 * 5 + 3 * 2 * 7
    assert counted(task="training").bytes == 4 * (arrays + gradients)


def test_the_floor_is_the_slower_of_products_and_copies():
    ceiling = Ceiling(flops=10.0, copies={100: 50.0, 1000: 5.0})
    assert ceiling.floor(Work(flops=100, bytes=10)) == 10.0
    assert ceiling.floor(Work(flops=0, bytes=100)) == 2.0
    assert ceiling.floor(Work(flops=0, bytes=500)) == 100.0
    assert ceiling.floor(Work(flops=0, bytes=5000)) == 1000.0


def test_a_ceiling_is_measured(monkeypatch):
    monkeypatch.setattr("benchmarks.measure.ceiling.PRODUCT_SIZES", (8, 16))
    monkeypatch.setattr("benchmarks.measure.ceiling.COPY_BYTES", (2**10,))
    ceiling = measure_ceiling(jax.devices("cpu")[0], "float32", repeats=2)
    assert ceiling.flops > 0
    assert ceiling.copies[2**10] > 0


def test_loop_bodies_are_counted_in_a_compiled_program():
    def two_loops(x):
        x = jax.lax.scan(lambda h, _: (h @ h @ h @ h, None), x, length=5)[0]
        return jax.lax.scan(lambda h, _: (h @ h, None), x, length=5)[0]

    run, stages, facts = stage(two_loops, jnp.eye(3))
    assert set(stages) == {"trace", "lower", "compile", "first"}
    assert len(facts.loop_ops) == 2
    assert facts.loop_ops[0] > facts.loop_ops[1] > 0
    assert run(jnp.eye(3)).shape == (3, 3)


def test_a_program_without_loops_has_no_loop_bodies():
    assert loop_ops(jax.jit(jnp.sin).lower(1.0).compile().as_text()) == ()


def test_no_stage_pays_for_garbage():
    collecting = []
    stage(lambda x: (collecting.append(gc.isenabled()), 2 * x)[1], jnp.ones(2))
    assert collecting == [False]
    assert gc.isenabled()
