"""Steps whose carry is affine in itself are found, and rolled as a plain scan does."""

import jax
import jax.numpy as jnp
import pytest

import recur
from recur._roll.chunked import tuning
from tests.support.draw import assert_close, random_like

T, B, H = 7, 3, 4
ROW = jax.ShapeDtypeStruct((B, H), "float64")
WAYS = ("scan", "chunked", "associative")


@pytest.fixture(autouse=True)
def _in_several_chunks(monkeypatch, x64):
    monkeypatch.setattr(tuning, "LINEAR_ENTRIES", 3 * 4 * B * H)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def gated(p, h, x):
    z = jax.nn.sigmoid(x @ p["w"])
    h = (1 - z) * h + z * (x @ p["u"])
    return h, h


def same_for_all_time(p, h, x):
    h = jax.nn.sigmoid(p["b"]) * h + x
    return h, jnp.tanh(h @ p["w"])


def divided_and_taken_from(p, h, x):
    h = -((x - h) / (1.5 + jnp.sin(x))) - 0.1 * h + p["b"]
    return h, h * h


def chosen_by_the_input(p, h, x):
    h = jnp.where(x > 0, 0.5 * h, x @ p["w"])
    return h, h


def coupled(p, carry, x):
    r, i = carry["r"], carry["i"]
    a, b = jax.nn.sigmoid(p["b"]), jnp.sin(x @ p["w"])
    r, i = a * r - b * i + x, a * i + b * r
    return {"r": r, "i": i}, (r @ p["u"]) * i


def with_a_window(p, carry, x):
    h, past, before = carry
    u = x @ p["w"] + past * p["b"] + before
    f = jax.nn.sigmoid(u @ p["u"])
    h = f * h + (1 - f) * u
    return (h, x, past), h * x


def in_heads(p, h, x):
    s = jnp.swapaxes(h.reshape(*h.shape[:-1], 2, H // 2), -1, -2)
    s = s * jax.nn.sigmoid(x[..., :2])[..., None, :]
    h = jnp.swapaxes(s, -1, -2).reshape(h.shape) + x
    return h, jnp.sum(h**2, -1)


def in_halves(p, h, x):
    a, b = jnp.split(h, 2, axis=-1)
    h = jnp.concatenate([a * jnp.cos(x[..., :2]), b + x[..., 2:]], axis=-1)
    return h, h


def complex_(p, h, x):
    h = jnp.exp(-jnp.exp(p["b"]) + 1j * p["b"]) * h + x
    return h, (h @ p["w"]).real


def stabilised(p, carry, x):
    c, m = carry
    log_f, i = jax.nn.log_sigmoid(x @ p["w"]), 3 * x @ p["u"]
    new = jnp.maximum(log_f + m, i)
    c = jnp.exp(log_f + m - new) * c + jnp.exp(i - new) * x
    return (c, new), jnp.tanh(c)


def with_a_clock(p, carry, x):
    h, t = carry
    return (0.9 * h + x * jnp.cos(t * p["b"]), t + 1), h


def reading_another(p, carry, x):
    """One that needs the other, and comes before it."""
    a, b = carry
    b = 0.8 * b + x
    return (jnp.tanh(carry[1]) + x, b), a * b


def held(p, h, x):
    return h, x + h


STEPS = {
    gated: ROW,
    same_for_all_time: ROW,
    divided_and_taken_from: ROW,
    chosen_by_the_input: ROW,
    coupled: {"r": ROW, "i": ROW},
    with_a_window: (ROW, ROW, ROW),
    in_heads: ROW,
    in_halves: ROW,
    complex_: ROW,
    stabilised: (ROW, ROW),
    with_a_clock: (ROW, ROW),
    reading_another: (ROW, ROW),
    held: ROW,
}
FEW = (gated, coupled, with_a_window, stabilised)
SQUARE = jax.ShapeDtypeStruct((H, H), "float64")
WEIGHTS = {"w": SQUARE, "u": SQUARE, "b": jax.ShapeDtypeStruct((H,), "float64")}
XS = jax.ShapeDtypeStruct((T, B, H), "float64")


def data(step):
    params, carry, xs = random_like(0, (WEIGHTS, STEPS[step], XS))
    if step is complex_:
        carry = carry + 0.5j
    return params, carry, xs


def flags():
    keys = jax.random.split(jax.random.key(1))
    reset, mask = (jax.random.bernoulli(k, 0.6, (T, B)) for k in keys)
    return {"reset": reset & ~mask.at[0].set(True), "mask": mask.at[:, 1].set(False)}


def rolled(step, way, **options):
    """Values of a roll and the gradient of all that is given."""

    def loss(args, xs):
        params, carry = args
        out = recur.unroll(step, params, carry, xs, implementation=way, **options)
        return sum(jnp.sum(jnp.sin(jnp.abs(a))) for a in jax.tree.leaves(out)), out

    return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))


def compare(step, ways=WAYS, **options):
    params, carry, xs = data(step)
    found = [rolled(step, way, **options)((params, carry), xs) for way in ways]
    for other in found[1:]:
        assert_close(real(other), real(found[0]))


def real(tree):
    """Complex numbers as pairs."""
    parts = lambda a: (a.real, a.imag) if jnp.iscomplexobj(a) else a
    return jax.tree.map(parts, tree)


@pytest.mark.quick(2)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_equals_the_plain_scan(step):
    compare(step)


@pytest.mark.quick(2)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_equals_it_backwards_with_flags(step):
    compare(step, reverse=True, **flags())


@pytest.mark.quick(1)
@pytest.mark.parametrize("step", FEW, ids=lambda step: step.__name__)
def test_equals_it_in_segments_with_flags(step):
    compare(step, remat=3, reset_carry=data(step)[1], **flags())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_is_found(step):
    (note,) = recur.explain(step, *data(step)).rolls
    assert note[1:] == ("chunked", "a linear recurrence", "")


def outer_product(decay):
    """Spreads a few entries of a step over a matrix."""

    def step(p, s, x):
        k, v = x, jnp.sin(x)
        a = decay(x[..., :1, None], k[..., :, None] * v[..., None, :])
        s = a * s + k[..., :, None] * v[..., None, :]
        return s, jnp.einsum("...k,...kv->...v", x, s)

    return step


@pytest.mark.parametrize("way", ["auto", "chunked"])
def test_a_state_that_costs_nothing_to_spread_is_left_to_the_plain_scan(way):
    cheap = outer_product(lambda x, _: jax.nn.sigmoid(x))
    dear = outer_product(lambda x, kv: jax.nn.sigmoid(x + kv))
    args = random_like(0, (None, jax.ShapeDtypeStruct((B, H, H), "float64"), XS))
    rollers = [
        recur.explain(step, *args, implementation=way).rolls[0].roller
        for step in (cheap, dear)
    ]
    assert rollers == ["scan" if way == "auto" else "chunked", "chunked"]


def looks_at_itself(p, h, x):
    h = jax.nn.sigmoid(x + h) * h + x
    return h, h


def squared(p, h, x):
    return h * h + x, h


def mixed(p, h, x):
    return h @ p["w"] + x, h


def reversed_(p, h, x):
    return h[..., ::-1] + x, h


def summed(p, h, x):
    return h - h.sum(-1, keepdims=True) + x, h


def chosen_by_itself(p, h, x):
    return jnp.where(h > 0, 0.5 * h, x), h


def clipped(p, h, x):
    return jnp.minimum(h + x, 1.0), h


def scaled_maximum(p, h, x):
    return jnp.maximum(0.5 * h, x), h


def gate_of_another(p, carry, x):
    a, b = carry
    return (a * 0.5 + b, jnp.tanh(a) * b + x), a


NOT = {
    looks_at_itself: (ROW, "carry: `logistic` is not affine in the carry"),
    squared: (ROW, "carry: `mul` multiplies the carry with itself"),
    mixed: (ROW, None),
    reversed_: (ROW, "carry: its entries change places"),
    summed: (ROW, "carry: `reduce_sum` lets entries of the carry meet"),
    chosen_by_itself: (ROW, "carry: `gt` is not affine in the carry"),
    clipped: (ROW, "carry: `min` is not affine in the carry"),
    scaled_maximum: (ROW, "carry: `max` is not affine in the carry"),
    gate_of_another: ((ROW, ROW), "carry[0] and carry[1]: `tanh` is not affine in"),
}


@pytest.mark.parametrize("step", NOT, ids=lambda step: step.__name__)
def test_one_that_is_nearly_so_is_not(step):
    carry, why = NOT[step]
    args = random_like(0, (WEIGHTS, carry, XS))
    (note,) = recur.explain(step, *args).rolls
    assert "linear" not in note.form
    if why is not None:
        assert (note.roller, why in note.reason) == ("scan", True), note.reason
    with pytest.raises(ValueError, match=r"cannot take this step \(not associative"):
        recur.unroll(step, *args, implementation="associative")


def test_a_carry_of_keys_is_left_to_the_plain_scan():
    def step(p, carry, x):
        key, h = carry
        return (jax.random.split(key)[0], 0.5 * h + x), h

    carry, xs = (jax.random.key(0), jnp.zeros(H)), jnp.ones((T, H))
    (note,) = recur.explain(step, None, carry, xs).rolls
    assert note.roller == "scan"
    assert "its carry holds random keys" in note.reason
    (_, h), _ = recur.unroll(step, None, carry, xs)
    assert_close(h, jnp.full(H, 2 - 0.5 ** (T - 1)))


def test_flags_and_counts_are_carried_too():
    def step(p, carry, x):
        seen, count, h = carry
        return (x > 0, count + 2, 0.5 * h + x), (seen, count, h)

    carry = jnp.zeros(H, bool), jnp.uint32(1), jnp.zeros(H)
    xs = jnp.sin(jnp.arange(T * H, dtype=jnp.float32)).reshape(T, H)
    found, expected = (
        recur.unroll(step, None, carry, xs, implementation=way)
        for way in ("associative", "scan")
    )
    assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS[1:])
def test_every_order_of_derivatives(way):
    params, h, xs = data(gated)

    def loss(way, h, b):
        step = lambda p, s, x: gated(p, s, x + b)
        return jnp.sum(
            jnp.sin(recur.unroll(step, params, h, xs, implementation=way)[1])
        )

    def all_of(way):
        of = lambda *args: loss(way, *args)
        slopes = jax.grad(of, (0, 1))
        along = (jnp.ones_like(h), jnp.ones(H))
        at = h, params["b"]
        return (
            jax.jvp(of, at, along),
            jax.jvp(slopes, at, along),
            jax.grad(lambda *a: sum(jnp.sum(g**2) for g in slopes(*a)), (0, 1))(*at),
            jax.vmap(slopes, (None, 0))(h, jnp.eye(2, H)),
        )

    expected, found = (jax.jit(all_of, static_argnums=0)(way) for way in ("scan", way))
    assert_close(found, expected)


def test_low_precision_is_summed_in_float32():
    """A decay that bfloat16 would round to one decays."""

    def step(p, h, x):
        wide = h.astype(jnp.float32) * 0.999 + x
        return wide.astype(jnp.bfloat16), None

    args = None, jnp.ones((), jnp.bfloat16), jnp.zeros(200, jnp.float32)
    by = {way: recur.unroll(step, *args, implementation=way)[0] for way in WAYS}
    assert by["scan"] == 1
    assert by["chunked"] == by["associative"] == jnp.bfloat16(0.999**200)
