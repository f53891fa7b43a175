"""Turns: who is timed when, for how long, and what is left after an interruption."""

from itertools import count

import pytest

from benchmarks.measure.program import Program
from benchmarks.measure.turns import Budget, steady_turn, take_turns


def nobody_fails(name, error):
    raise error


def test_peers_take_turns_and_no_one_is_always_first():
    order = []
    turns = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    take_turns(turns, Budget(seconds=0, least=3, most=3), {}, nobody_fails)
    assert "".join(order) == "abcbcacab"


def test_time_over_ends_the_rounds_but_not_before_the_least():
    clock = count().__next__
    samples = {}
    budget = Budget(seconds=0.5, least=4, most=9)
    turns = {"a": lambda: 1.0}
    take_turns(turns, budget, samples, nobody_fails, clock=lambda: float(clock()))
    assert samples == {"a": [1.0] * 4}


def test_time_left_ends_with_the_most_rounds():
    samples = {}
    budget = Budget(seconds=9e9, least=1, most=7)
    take_turns({"a": lambda: 1.0}, budget, samples, nobody_fails)
    assert samples == {"a": [1.0] * 7}


def test_an_interruption_leaves_the_samples():
    def stop():
        raise KeyboardInterrupt

    samples = {}
    with pytest.raises(KeyboardInterrupt):
        take_turns({"a": lambda: 1.0, "b": stop}, Budget(), samples, nobody_fails)
    assert samples == {"a": [1.0]}


def test_who_fails_has_no_more_turns():
    def fail():
        raise RuntimeError("out of memory")

    samples, dropped = {}, []
    turns = {"a": lambda: 1.0, "b": fail}
    budget = Budget(seconds=0, least=3, most=3)
    take_turns(turns, budget, samples, lambda *why: dropped.append(why))
    assert samples == {"a": [1.0] * 3}
    assert [(name, str(error)) for name, error in dropped] == [("b", "out of memory")]


def test_a_turn_drops_its_first_call_and_takes_the_median():
    # Each call reads the clock twice: 5 s to warm up, then 1, 9 and 2 s.
    readings = iter([0, 5, 10, 11, 20, 29, 30, 32])
    calls = []
    program = Program(lambda: calls.append(0), dict)
    budget = Budget(turn=15.0)
    assert steady_turn(program, budget, clock=lambda: next(readings)) == 2
    assert len(calls) == 4
