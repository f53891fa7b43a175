"""Which steps share a compiled roll: values do, what may change in place does not."""

import gc
import weakref
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._roll.identity import Identity, Programs

XS, CARRY = jnp.ones((4, 2, 3)), jnp.zeros((2, 3))


class Model:
    """An object whose weights and settings change in place."""

    def __init__(self, w):
        self.w, self.scale = w, 1.0

    def step(self, params, carry, x):
        carry = jnp.tanh(x @ self.w + self.scale * carry)
        return carry, carry

    def __call__(self, params, carry, x):
        return self.step(params, carry, x)


@dataclass(frozen=True)
class Around:
    """A value, but for what is inside."""

    inner: Any

    def step(self, params, carry, x):
        return self.inner.step(params, carry, x)


def expected(model):
    carry, ys = CARRY, []
    for x in XS:
        carry, y = model.step(None, carry, x)
        ys.append(y)
    return jnp.stack(ys)


@pytest.mark.parametrize(
    "step_of",
    [
        lambda model: model,
        lambda model: model.step,
        lambda model: model.__call__,
        Around,
        recur.emit_carry,
    ],
)
def test_what_changed_in_place_is_seen(step_of):
    model = Model(jnp.full((3, 3), 0.1))
    rolled = lambda: jax.tree.leaves(recur.unroll(step_of(model), None, CARRY, XS)[1])[
        0
    ]
    np.testing.assert_allclose(rolled(), expected(model), atol=1e-6)
    model.scale, model.w = 0.5, jnp.full((3, 3), 0.2)
    np.testing.assert_allclose(rolled(), expected(model), atol=1e-6)


def test_weights_set_inside_a_loss_have_gradients_again_and_again():
    model = Model(None)

    def loss(w):
        model.w = w
        return jnp.sum(recur.unroll(model, None, CARRY, XS)[1])

    def plain(w):
        model.w = w
        return jnp.sum(expected(model))

    for w in (jnp.full((3, 3), 0.1), jnp.full((3, 3), 0.3)):
        np.testing.assert_allclose(jax.grad(loss)(w), jax.grad(plain)(w), rtol=1e-5)


@pytest.mark.slow
def test_what_a_step_closes_over_dies_with_it():
    alive = []

    def once(n):
        w = n * jnp.eye(3)
        alive.append(weakref.ref(w))
        step = lambda _, carry, x: (jnp.tanh(carry @ w + x),) * 2
        recur.unroll(recur.emit_carry(step), None, CARRY, XS)
        recur.unroll(step, None, CARRY, XS)

    for n in range(2):
        once(n)
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_one_function_is_traced_once():
    traces = []

    def step(params, carry, x):
        traces.append(1)
        return carry + x, carry

    for _ in range(2):
        recur.unroll(step, None, CARRY, XS)
        recur.unroll(recur.emit_carry(step), None, CARRY, XS)
    assert len(traces) == 2


def test_equal_values_have_one_name_and_others_another():
    name = lambda step: Identity(step).name
    assert name(recur.LSTM(4).step) == name(recur.LSTM(4).step) is not None
    assert name(recur.LSTM(4).step) != name(recur.LSTM(5).step)
    assert name(recur.Elman(4, activation=jnp.sin)) is not None
    assert name(recur.Elman(4, activation=jnp.sin)) != name(recur.Elman(4))
    assert name(Around((1, True, None))) == name(Around((1, True, None)))
    assert name(Around(1)) != name(Around(True))
    assert name(Around([1])) is None
    assert name(Around(np.ones(2))) is None
    assert name([].append) is None


def test_an_attribute_beside_the_fields_makes_no_value():
    around = Around(1)
    object.__setattr__(around, "scale", 2.0)
    assert Identity(around).name is None


def test_a_program_may_call_itself():
    @dataclass(frozen=True)
    class Countdown:
        n: int
        programs: Any = field(compare=False, repr=False, default=None)

    programs = Programs(lambda step, x: step(x), static=())
    inner = lambda x: x + 1
    outer = lambda x: programs(inner, x) * 2
    assert programs(outer, jnp.float32(1)) == 4
    assert programs(outer, jnp.float32(2)) == 6


class Misleading:
    """An object with members that mean something else than ours of these names."""

    cells = cell = draw = parts = init_carry = property(lambda self: 1 / 0)

    def unroll(self, rope):
        raise AssertionError("this is about ropes")

    def step(self, params, carry, x):
        return carry + x, carry


def test_members_of_common_names_are_not_taken_for_ours():
    carry, _ = recur.unroll(Misleading(), None, CARRY, XS)
    np.testing.assert_array_equal(carry, np.full((2, 3), 4.0))
    carry, _ = recur.static_unroll(Misleading(), None, CARRY, XS)
    np.testing.assert_array_equal(carry, np.full((2, 3), 4.0))
    assert len(list(recur.stream(Misleading(), None, CARRY, [XS, XS]))) == 2


def test_a_function_with_parts_of_its_own_is_rolled_as_it_is():
    def step(params, carry, x):
        return carry + x, carry

    step.parts = lambda *args: 1 / 0
    assert recur.unroll(step, None, CARRY, XS)[0].sum() == 24


def test_a_subclass_with_a_step_of_its_own_does_not_inherit_the_rule():
    class Doubled(recur.GRU):
        def step(self, params, carry, x):
            carry, y = super().step(params, carry, x)
            return carry, 2 * y

    one, two = recur.GRU(4), Doubled(4)
    params = one.init(jax.random.key(0), 3)
    ys, doubled = (recur.unroll(cell, params, None, XS)[1] for cell in (one, two))
    np.testing.assert_allclose(doubled, 2 * ys, atol=1e-6)


def test_a_user_s_layer_rolls_itself():
    class Twice(recur.Layer):
        def unroll(self, params, carry, xs, **time):
            return recur.unroll(recur.GRU(4), params, carry, 2 * xs, **time)

    params = recur.GRU(4).init(jax.random.key(0), 3)
    carry = jnp.zeros((2, 4))
    ours = recur.unroll(Twice(), params, carry, XS, seq_lengths=[4, 2])
    plain = recur.unroll(recur.GRU(4), params, carry, 2 * XS, seq_lengths=[4, 2])
    np.testing.assert_array_equal(ours[1], plain[1])
    with pytest.raises(ValueError, match="Twice, which needs the whole sequence"):
        recur.stream(Twice(), params, carry, [XS])
