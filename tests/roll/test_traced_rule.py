"""Steps that nobody prepared are taken apart by their equations, and stay the same."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import recur
from recur._roll.chunked import resolve
from recur._roll.chunked.traced_rule import TracedRule
from tests.support.draw import assert_close, quickly, random_like, weigh
from tests.support.tune import tune

B, T, N, H = 2, 5, 3, 4


@pytest.fixture(autouse=True)
def _chunks_of_three(monkeypatch):
    tune(monkeypatch, chunk_rows=3 * B, forward_entries=0)


def drawn(*shapes):
    return tuple(random_like(n, jnp.zeros(s)) for n, s in enumerate(shapes))


def lstm(params, carry, x):
    """With fused gates that are split after everything has been added."""
    w, u, b = params
    h, c = carry
    a = x @ w + h @ u + jnp.broadcast_to(b, (*x.shape[:-1], 4 * H))
    i, f, g, o = jnp.split(a, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def two_products(params, carry, x):
    """The second depends on the first; a parameter and the input stand in the rest."""
    w, u, v, p = params
    r = jax.nn.relu(carry @ u - x @ w)
    rows = jnp.broadcast_to(p, carry.shape)
    n = jnp.tanh(2.0 * ((r * carry * rows) @ v) + x @ w)
    return n + 0.5 * (x @ w) * carry, {"n": n, "r": r * rows}


def weight_on_the_left(params, carry, x):
    h = jnp.tanh(params @ carry + x)
    return h, h


def tokens(params, carry, x):
    table, u = params
    h = jnp.tanh(table[x] + carry @ u)
    return h, h


def joined(params, carry, x):
    h = jnp.tanh(jnp.concatenate([x, carry], axis=-1) @ params)
    return h, h


def joined_thrice(params, carry, x):
    """With the input in the middle, and a join that no product sees."""
    w, v = params
    both = jnp.concatenate([carry, x, 2.0 * carry], axis=-1)
    h = jnp.tanh(0.3 * (both @ w)) - 0.3 * jnp.tanh(both @ v)
    return h, jnp.concatenate([h, x], axis=0)


def biases(params, carry, x):
    """One for the sum, one for the rest, and one that is put out as it is."""
    w, u, b, d, e = params
    b, d, e = (jnp.broadcast_to(a, carry.shape) for a in (b, d, e))
    h = jnp.tanh(x @ w + (carry @ u + b)) + 0.1 * d * carry
    return h, (h, e)


def row_by_row(params, carry, x):
    """With weights ``[out, in]`` that multiply one row each, on either side."""
    w, u, v = params
    one = lambda h, x: jnp.tanh(w @ x + u @ h) * jnp.dot(h, v.T)
    h = jax.vmap(one)(carry, x)
    return h, {"h": h}


STEPS = {
    "lstm": (lstm, drawn((N, 4 * H), (H, 4 * H), (4 * H,)), drawn((B, H), (B, H))),
    "two-products": (
        two_products,
        drawn((N, H), (H, H), (H, H), (H,)),
        *drawn((B, H)),
    ),
    "weight-on-the-left": (weight_on_the_left, *drawn((N, N)), *drawn((N,))),
    "row-by-row": (row_by_row, drawn((H, N), (H, H), (H, H)), *drawn((B, H))),
    "biases": (biases, drawn((N, H), (H, H), (H,), (H,), (H,)), *drawn((B, H))),
    "joined": (joined, *drawn((N + H, H)), *drawn((B, H))),
    "joined-thrice": (
        joined_thrice,
        drawn((N + 2 * N, N), (N + 2 * N, N)),
        *drawn((B, N)),
    ),
}


def losses(step, xs, *, chunked="chunked", **options):
    def loss(implementation):
        def of(params, carry):
            options["implementation"] = implementation
            leaves = jax.tree.leaves(recur.unroll(step, params, carry, xs, **options))
            return weigh([a for a in leaves if jnp.issubdtype(a.dtype, jnp.floating)])

        return of

    return loss(chunked), loss("scan")


def assert_equal_losses(step, params, carry, xs, **options):
    both = [
        quickly(jax.value_and_grad(loss, (0, 1)))(params, carry)
        for loss in losses(step, xs, **options)
    ]
    assert_close(*both)


@pytest.fixture
def taken_apart(monkeypatch):
    """Counts the steps that were."""
    count = []

    def counted(dissection):
        count.append(dissection)
        return TracedRule(dissection)

    monkeypatch.setattr(resolve, "TracedRule", counted)
    return count


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_the_plain_scan(name, reverse, taken_apart):
    known, params, carry = STEPS[name]
    step = lambda *args: known(*args)  # A new one, which no test has compiled.
    shape = (T, N) if name == "weight-on-the-left" else (T, B, N)
    xs = random_like(9, jnp.zeros(shape))
    assert_equal_losses(step, params, carry, xs, reverse=reverse)
    assert len(taken_apart) == 1


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("argument", [1, 2], ids=["carry", "xs"])
def test_one_argument_may_move_alone(name, argument):
    step, params, carry = STEPS[name]
    xs = random_like(
        9, jnp.zeros((T, N) if name == "weight-on-the-left" else (T, B, N))
    )

    def loss(implementation):
        roll = functools.partial(recur.unroll, step, implementation=implementation)
        return quickly(jax.grad(lambda *args: weigh(roll(*args)), argument))

    both = [loss(way)(params, carry, xs) for way in ("chunked", "scan")]
    assert_close(*both)


def test_what_multiplies_the_input_is_done_for_many_steps_at_once(taken_apart):
    _, params, carry = STEPS["joined"]
    step = lambda *args: joined(*args)  # A new one, which no test has compiled.
    recur.unroll(step, params, carry, jnp.ones((T, B, N)), implementation="chunked")
    (found,) = taken_apart
    (product,) = found.products
    assert product.eqn.invars[product.weight].aval.shape == (H, H)
    names = [eqn.primitive.name for eqn in found.of_input]
    assert names.count("dot_general") == 1


def test_weights_that_stand_left_or_lie_are_turned_once(taken_apart):
    _, params, carry = STEPS["row-by-row"]
    step = lambda *args: row_by_row(*args)  # A new one, which no test has compiled.
    recur.unroll(step, params, carry, jnp.ones((T, B, N)), implementation="chunked")
    (found,) = taken_apart
    for product in found.products:
        sums = product.eqn.params["dimension_numbers"]
        assert (product.weight, sums) == (1, (((1,), (0,)), ((), ())))
    names = [eqn.primitive.name for eqn in found.of_params]
    assert names.count("transpose") == 3


@pytest.mark.slow
def test_flags_are_obeyed(taken_apart):
    step, params, carry = STEPS["two-products"]
    xs = random_like(9, jnp.zeros((T, B, N))).at[3:, 1].set(jnp.nan)
    lengths, reset = np.array([T, 3]), np.arange(T)[:, None] == np.array([[2, 1]])
    assert_equal_losses(step, params, carry, xs, seq_lengths=lengths, reset=reset)
    assert taken_apart


def test_integers_may_come_in(taken_apart):
    params, carry = drawn((7, H), (H, H)), *drawn((B, H))
    xs = jnp.arange(T * B).reshape(T, B) % 7
    assert_equal_losses(tokens, params, carry, xs)
    assert taken_apart


@pytest.mark.slow
def test_flax_cells_are_taken_as_they_are(taken_apart):
    cell = nn.OptimizedLSTMCell(H)
    (carry,), xs = (drawn((B, H)),), random_like(9, jnp.zeros((T, B, N)))
    params = cell.init(jax.random.key(0), (*carry, *carry), xs[0])
    assert_equal_losses(
        lambda p, s, x: cell.apply(p, s, x), params, (*carry, *carry), xs
    )
    assert taken_apart


def test_weights_may_be_closed_over(taken_apart):
    (u,), xs = drawn((H, H)), random_like(9, jnp.zeros((T, B, H)))

    def loss(u, implementation):
        step = lambda params, h, x: (jnp.tanh(x + h @ u),) * 2
        start = jnp.zeros((B, H))
        return weigh(recur.unroll(step, None, start, xs, implementation=implementation))

    assert_close(jax.grad(loss)(u, "chunked"), jax.grad(loss)(u, "scan"))
    assert taken_apart


@jax.custom_vjp
def reversed_only(h):
    return h


reversed_only.defvjp(lambda h: (h, None), lambda _, dh: (2.0 * dh,))


@pytest.mark.parametrize(
    ("step", "carry"),
    [
        (lambda p, h, x: (jnp.tanh(reversed_only(h) @ p + x),) * 2, jnp.zeros((B, H))),
        (lambda p, h, x: (jnp.tanh(0.5 * h + x @ p),) * 2, jnp.zeros((B, H))),
        (
            lambda p, s, x: ((s[0] @ p + x, s[1] + 1), x),
            (jnp.zeros((B, H)), jnp.int32(0)),
        ),
    ],
    ids=["derivative in reverse only", "no recurrent product", "a counter"],
)
def test_others_are_scanned(step, carry, taken_apart):
    (p,), xs = drawn((H, H)), random_like(9, jnp.zeros((T, B, H)))
    both = losses(step, xs, chunked=("chunked", "scan"))
    assert_close(*(jax.grad(loss)(p, carry) for loss in both))
    with pytest.raises(ValueError, match="'chunked' and cannot take this step"):
        losses(step, xs)[0](p, carry)
    assert not taken_apart


def test_auto_takes_apart_what_pays(taken_apart):
    step = lambda p, h, x: (jnp.tanh(h @ p + x),) * 2
    for rows, size, gains in ((1, 64, True), (4, 4, False), (128, 512, False)):
        p, h = jnp.zeros((size, size)), jnp.zeros((rows, size))
        recur.unroll(step, p, h, jnp.zeros((T, rows, size)))
        assert len(taken_apart) == gains
        taken_apart.clear()
