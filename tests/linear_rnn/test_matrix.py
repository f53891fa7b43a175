"""Matrix-valued cells are one another where their papers say so."""

import jax
import jax.numpy as jnp
import pytest

import recur
from recur import linear_rnn
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.delta_net import DeltaRule
from recur.linear_rnn.matrix import MatrixCell, check_gate, merge_heads
from recur.linear_rnn.memory import Memory, MemoryCell
from tests.linear_rnn.drawn import B, H, T, drawn, rolled
from tests.matrix_linear_cases import ROWS
from tests.support.draw import assert_close, random_like

pytestmark = pytest.mark.usefixtures("x64")


def written(keys, values, **options):
    """``S`` after unit steps of writing, from one that is drawn, and that one."""
    beta = options.get("beta", 1.0)
    s = random_like(3, jnp.zeros((B, H, H)))
    zero = jnp.zeros((*keys.shape[:-1], 1))
    steps = RankOne(zero, beta * keys, values, keys, beta * keys, keys)
    return recur.unroll(Memory().step, None, s, steps, implementation="scan"), s


def test_delta_rule_holds_what_was_written_at_orthonormal_keys():
    keys = jnp.tile(jnp.eye(H)[:, None], (1, B, 1))
    values = random_like(1, jnp.zeros((H, B, H)))
    (s, found), _ = written(keys, values)
    assert_close(found, values)
    assert_close(s, jnp.moveaxis(values, 0, 1))


def test_delta_rule_that_erases_twice_reflects():
    keys = random_like(2, jnp.zeros((T, B, H)))
    keys /= jnp.linalg.norm(keys, axis=-1, keepdims=True)
    (s, _), start = written(keys, 0 * keys, beta=2.0)
    square = lambda a: jnp.sum(a**2, axis=(-2, -1))
    assert_close(square(s), square(start))


def test_gated_delta_net_that_does_not_decay_is_a_delta_net():
    for gate in ("head", "row"):
        cell = linear_rnn.GatedDeltaNet(H, heads=2, gate=gate)
        p, carry, xs = drawn(cell)
        p = p._replace(rate=jnp.full_like(p.rate, -900.0))
        plain = linear_rnn.DeltaNetParams(p.w_ih, p.w_conv, p.w_b, p.gain, p.w_ho)
        expected = rolled(linear_rnn.DeltaNet(H, heads=2), plain, carry, xs)[0]
        assert_close(rolled(cell, p, carry, xs)[0], expected)


def test_gated_delta_net_that_writes_nothing_decays():
    cell = linear_rnn.GatedDeltaNet(H, heads=2)
    p, carry, xs = drawn(cell)
    p = p._replace(w_b=jnp.zeros_like(p.w_b).at[0].set(-900.0))
    xs = xs.at[..., 0].set(1.0)
    step = jax.nn.softplus(xs @ p.w_a + p.b_a[None, None])
    kept = jnp.exp(-jnp.sum(step, axis=0) * jnp.exp(p.rate)[None])
    expected = carry.s * kept[..., None, None]
    assert_close(rolled(cell, p, carry, xs)[0].s, expected)


def test_gla_that_forgets_nothing_sums_outer_products():
    cell = linear_rnn.GLA(2 * H, heads=2, rank=2)
    p, s, xs = drawn(cell)
    p = p._replace(w_up=0 * p.w_up, b=jnp.full_like(p.b, 1e3))
    steps = cell.elements(p, xs)
    expected = s + jnp.einsum("tbnk,tbnv->bnkv", steps.key, steps.value)
    assert_close(rolled(cell, p, s, xs)[0], expected)


def test_gla_with_a_gate_for_a_head_is_one_whose_rows_share_theirs():
    cell = linear_rnn.GLA(2 * H, heads=2, rank=2, gate="head")
    p, s, xs = drawn(cell)
    rows = lambda a: jnp.repeat(a, 2, axis=-1)
    each = p._replace(w_up=rows(p.w_up), b=rows(p.b))
    other = linear_rnn.GLA(2 * H, heads=2, rank=2)
    assert_close(rolled(cell, p, s, xs), rolled(other, each, s, xs))


@pytest.mark.parametrize("bound", [0.0, 0.3])
def test_hgrn2_writes_where_it_forgets(bound):
    cell = linear_rnn.HGRN2(H, heads=2, lower_bound=bound)
    p, s, xs = drawn(cell)
    steps = cell.elements(p, xs)
    gated = steps._replace(key=1 - jnp.exp(steps.log_decay))
    expected, found = recur.unroll(Memory().step, None, s, gated, implementation="scan")
    carry, ys = rolled(cell, p, s, xs)
    assert_close(carry, expected)
    assert_close(ys, cell.read(p, found, xs))


@pytest.mark.parametrize("bound", [0.0, 0.3])
def test_hgrn2_is_finite_at_saturation(bound):
    cell = linear_rnn.HGRN2(2, lower_bound=bound)
    p = cell.init(jax.random.key(0), 1)
    for f in (-900.0, 900.0):
        shut = p._replace(w_ih=p.w_ih.at[:, 2:4].set(f))
        loss = lambda p: recur.unroll(cell, p, None, jnp.ones((3, 1)))[1].sum()
        grads = jax.tree.leaves(jax.grad(loss)(shut))
        assert all(jnp.isfinite(g).all() for g in grads)


def test_linear_attention_knows_no_order_of_the_past():
    cell = linear_rnn.LinearAttention(H, heads=2)
    p, _, xs = drawn(cell)
    last = lambda xs: recur.unroll(cell, p, None, xs, implementation="scan")[1][-1]
    assert_close(last(jnp.concatenate([xs[-2::-1], xs[-1:]])), last(xs))


def test_linear_attention_to_one_value_finds_it():
    cell = linear_rnn.LinearAttention(H, heads=2, eps=0.5, dtype="float64")
    p, s, xs = drawn(cell)
    v = p.b[2 * H :]
    p = p._replace(w_ih=p.w_ih.at[:, 2 * H :].set(0.0))
    ys = rolled(cell, p, 0 * s, xs)[1]
    steps = cell.elements(p, xs)
    weight = jnp.sum(steps.query * jnp.cumsum(steps.key, axis=0), axis=-1)
    share = jnp.repeat(weight / (weight + 0.5), H // 2, axis=-1)
    assert_close(ys, v[None, None] * share)


def test_retention_is_attention_with_a_mask_of_powers():
    cell = linear_rnn.Retention(2 * H, heads=2)
    p, _, xs = drawn(cell)
    n = jnp.split(p.w_ih, [2 * H, 4 * H, 8 * H], axis=-1)
    q, k, v = ((xs @ w).reshape(T, B, 2, -1) for w in n[:3])
    pair = lambda a: jax.lax.complex(*jnp.split(a, 2, axis=-1))
    angles = jnp.array([10000.0 ** -(i / (H // 2 - 1)) for i in range(H // 2)])
    ago = jnp.arange(float(T))[:, None] - jnp.arange(float(T))[None]
    angle = ago[..., None] * angles[None, None]
    turn = jnp.exp(jax.lax.complex(0 * angle, angle))
    seen = jnp.einsum("ibnk,jbnk,ijk->ijbn", pair(q), pair(k).conj(), turn).real
    kept = jnp.array([1 - 2**-5, 1 - 2**-6])
    mask = jnp.where(ago[..., None] < 0, 0, kept[None, None] ** ago[..., None])
    found = jnp.einsum("ijbn,ijn,jbnv->ibnv", seen, mask, v) / jnp.sqrt(H)
    expected = cell.read(p, found, xs)
    for t in (0.0, 7.0):
        start = cell.init_carry((B,))
        start = jax.tree.map(lambda a: a.astype("float64"), start)
        start = start._replace(t=start.t + t)
        assert_close(rolled(cell, p, start, xs)[1], expected)


def test_the_clock_of_retention_does_not_count_what_is_not_valid():
    cell = linear_rnn.Retention(H, heads=2, dtype="bfloat16")
    p = cell.init(jax.random.key(0), 3)
    xs = jnp.ones((T, B, 3), "bfloat16")
    carry, _ = recur.unroll(cell, p, None, xs, seq_lengths=jnp.array([2, T]))
    assert carry.t.dtype == jnp.float32
    assert carry.t.tolist() == [[2.0], [float(T)]]


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", ROWS)
def test_in_two_pieces_it_is_the_whole(name):
    cell, _ = ROWS[name]
    p, carry, xs = drawn(cell)
    whole = recur.unroll(cell, p, carry, xs)
    carry, first = recur.unroll(cell, p, carry, xs[:2])
    carry, second = recur.unroll(cell, p, carry, xs[2:])
    assert_close((carry, jnp.concatenate([first, second])), whole)


def test_steps_of_heads_and_rates_are_drawn_as_the_paper_says():
    cell = linear_rnn.GatedDeltaNet(H, heads=2, gate="row", dtype="float64")
    p = cell.init(jax.random.key(0), 3)
    step = jax.nn.softplus(p.b_a)
    assert ((step >= 1e-3) & (step <= 1e-1)).all()
    assert (p.rate <= jnp.log(16)).all()
    assert p.b_a.shape == (H,)


def test_kinds_of_matrix_cells():
    assert issubclass(linear_rnn.GatedDeltaNet, DeltaRule)
    assert issubclass(DeltaRule, MemoryCell)
    assert issubclass(MemoryCell, MatrixCell)
    assert merge_heads(jnp.zeros((3, 2, 4))).shape == (3, 8)
    assert check_gate("doc", "head") is None


BAD = {
    "LinearAttention: hidden_size is 4 and heads 3; expected a multiple": (
        lambda: recur.LinearAttention(4, heads=3)
    ),
    "LinearAttention: heads is 0": lambda: recur.LinearAttention(4, heads=0),
    "LinearAttention: eps is int 0": lambda: recur.LinearAttention(4, eps=0),
    "DeltaNet: hidden_size is 4 and heads 3": lambda: recur.DeltaNet(4, heads=3),
    "DeltaNet: width is 0": lambda: recur.DeltaNet(4, width=0),
    "GatedDeltaNet: gate is 'key'; expected 'row' or 'head'": (
        lambda: recur.GatedDeltaNet(4, gate="key")
    ),
    "Retention: hidden_size is 6 and heads 2; expected an even share": (
        lambda: recur.Retention(6, heads=2)
    ),
    "GLA: gate is None; expected 'row' or 'head'": lambda: recur.GLA(4, gate=None),
    "GLA: hidden_size // 2 is 2 and heads 4": lambda: recur.GLA(4, heads=4),
    "GLA: rank is 0": lambda: recur.GLA(4, rank=0),
    "HGRN2: lower_bound is 1.0; expected": lambda: recur.HGRN2(4, lower_bound=1.0),
    "HGRN2: lower_bound is str": lambda: recur.HGRN2(4, lower_bound="low"),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_options_are_refused_by_name(message):
    with pytest.raises((TypeError, ValueError)) as error:
        BAD[message]()
    assert message in str(error.value)
