"""What holds for every linear cell besides the contract of all cells."""

import zlib
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import linear_rnn
from recur._roll.chunked import tuning
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.delta_net import DeltaRule
from tests.linear_cases import LINEAR, PARAMS, ROLLED_AS, STILL
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

SIZE, B, T = 3, 2, 5
pytestmark = pytest.mark.usefixtures("x64")


WAYS = ("scan", ("composed", "chunked"), ("composed", "associative", "chunked"))


@pytest.fixture(params=LINEAR)
def name(request):
    return request.param


def data(name):
    cell, _ = LINEAR[name]
    params = jax.eval_shape(lambda key: cell.init(key, SIZE), jax.random.key(0))
    carry = jax.eval_shape(lambda p: cell.init_carry((B,), params=p), params)
    xs = jax.ShapeDtypeStruct((T, B, SIZE), "float64")
    double = lambda a: jax.ShapeDtypeStruct(a.shape, "float64")
    trees = jax.tree.map(double, (params, carry)), xs
    (params, carry), xs = random_like(zlib.crc32(name.encode()), trees)
    return cell, params, carry, xs


def test_is_rolled_as_what_it_is(name):
    cell, params, carry, xs = data(name)
    for note in recur.explain(cell, params, carry, xs).rolls:
        assert note.roller == "chunked", note
        assert note.form in ("a linear recurrence", "outer products, in chunks"), note


@pytest.mark.parametrize("name", ROLLED_AS)
def test_it_is_rolled_as_the_row_that_has_the_laws_of_rolls(name):
    assert ROLLED_AS[name] not in ROLLED_AS
    one, other = (
        [note.form for note in recur.explain(*data(row)).rolls]
        for row in (name, ROLLED_AS[name])
    )
    assert one == other


@pytest.mark.quick(8)
def test_its_params_are_drawn_as_what_they_are(name):
    cell, *_ = LINEAR[name]
    params = cell.init(jax.random.key(0), SIZE)
    assert type(params) is PARAMS[type(cell)]
    assert jax.tree.all(jax.tree.map(lambda a: bool(jnp.isfinite(a).all()), params))


class Leaky(LinearCell):
    """A cell by its elements and what is read of it."""

    params_type = linear_rnn.EMAParams
    shapes: ClassVar = {"w_ih": "I H", "b": "H", "retention": "H"}

    def elements(self, params, x):
        return jax.nn.sigmoid(params.retention), self.product(x, params.w_ih)

    def read(self, params, carry, x):
        return jnp.tanh(carry)


def test_a_cell_is_its_elements_and_what_is_read_of_it():
    cell, x = Leaky(4, dtype="float64"), random_like(0, jnp.zeros((B, SIZE)))
    params, h = cell.init(jax.random.key(0), SIZE), random_like(1, jnp.zeros((B, 4)))
    carry, y = cell.step(params, h, x)
    assert_close(carry, 0.5 * h + x @ params.w_ih)
    assert_close(y, jnp.tanh(carry))


@pytest.mark.slow
def test_in_parallel_with_flags_it_is_the_same(name, monkeypatch):
    cell, params, carry, xs = data(name)
    monkeypatch.setattr(tuning, "LINEAR_ENTRIES", 1)
    flags = {
        "reset": jnp.arange(T * B).reshape(T, B) % 3 == 1,
        "seq_lengths": jnp.array([T, 2]),
        "reset_carry": jax.tree.map(lambda a: 0.5 * a, carry),
    }

    args = params, carry

    def loss(args, way):
        out = recur.unroll(cell, *args, xs, implementation=way, **flags)
        return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves(out)), out

    expected, *found = (
        interpreted(jax.value_and_grad(partial(loss, way=way), has_aux=True))(args)
        for way in WAYS
    )
    for other in found:
        assert_close(other, expected)


@pytest.mark.quick(8)
def test_with_all_params_zero_it_is_what_the_paper_says(name):
    cell, params, carry, xs = data(name)
    params = jax.tree.map(jnp.zeros_like, params)
    found = cell.step(params, carry, xs[0])
    assert_close(found, STILL[name](jax.tree.map(np.asarray, carry), np.asarray(xs[0])))


def is_held(path):
    """Whether gates read it as they do the input.

    Such as a window of past inputs, a clock, and the exponent that a sum is divided by.
    """
    return jax.tree_util.keystr(path[:1]) in (".past", ".m", ".pp", ".t")


@pytest.mark.quick(8)
def test_what_is_put_into_its_carry_is_carried_on_linearly(name):
    cell, params, carry, xs = data(name)

    def last(carry):
        return recur.unroll(cell, params, carry, xs, implementation="scan")[0]

    along = jax.tree.map_with_path(
        lambda path, a: 0 * a if is_held(path) else a, random_like(1, carry)
    )
    moved = lambda s: jax.tree.map(lambda a, d: a + s * d, carry, along)
    zero, one, two = (last(moved(s)) for s in (0.0, 1.0, -2.0))
    by = lambda s, end: jax.tree.map(lambda a, b: (a - b) / s, end, zero)
    assert_close(by(1.0, one), by(-2.0, two))


def jacobian(name):
    """Of one step: each new leaf by each old, of those that are not held."""
    cell, params, carry, xs = data(name)
    paths, leaves = zip(*jax.tree.leaves_with_path(carry), strict=True)
    free = [n for n, path in enumerate(paths) if not is_held(path)]

    def step(values):
        whole = [a[0] for a in leaves]
        for n, value in zip(free, values, strict=True):
            whole[n] = value
        old = jax.tree.structure(carry).unflatten(whole)
        new, _ = cell.step(params, old, xs[0, 0])
        return [jax.tree.leaves(new)[n] for n in free]

    return interpreted(jax.jacfwd(step))([leaves[n][0] for n in free])


def assert_diagonal(block):
    square = block.reshape(2 * (round(block.size**0.5),))
    np.testing.assert_array_equal(square, np.diag(np.diag(square)))


def alone(blocks):
    """An entry sees its own past alone."""
    for i, row in enumerate(blocks):
        for j, block in enumerate(row):
            if i == j:
                assert_diagonal(block)
            else:
                assert not block.any()


def in_pairs(blocks):
    """A complex number is multiplied by one: blocks of two by two, of one form."""
    for row in blocks:
        for block in row:
            assert_diagonal(block)
    (re_re, re_im), (im_re, im_im) = blocks
    assert_close((re_re, re_im), (im_im, -im_re))


def by_columns(blocks):
    """Each column of a head by the same matrix, and by no other column or head."""
    ((block,),) = blocks
    heads, _, columns = block.shape[:3]
    of_head = np.arange(heads)
    kept = block[of_head, :, 0, of_head, :, 0]
    expected = np.einsum("nkl,nm,vw->nkvmlw", kept, np.eye(heads), np.eye(columns))
    assert_close(block, expected)


def by_columns_alone(blocks):
    """And that matrix is diagonal where nothing is erased."""
    by_columns(blocks)
    alone(blocks)


def family(cell):
    if isinstance(cell, (DeltaRule, linear_rnn.RWKV7)):
        return by_columns
    if isinstance(cell, linear_rnn.MatrixCell):
        return by_columns_alone
    return in_pairs if cell.carry_type is linear_rnn.Complex else alone


@pytest.mark.quick(8)
def test_a_step_links_only_what_its_family_does(name):
    family(LINEAR[name][0])(jacobian(name))
