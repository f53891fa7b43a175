"""Selective cells: what they are with constant selections, closed forms, and splits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import linear_rnn
from recur.linear_rnn.selective import draw_step_bias, draw_within
from recur.linear_rnn.token_shift import token_shift
from tests.linear_rnn.drawn import KEY, SIZE, H, drawn, outputs
from tests.selective_linear_cases import ROWS
from tests.support.draw import assert_close

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", ROWS)
def test_two_pieces_are_the_whole(name):
    cell, _ = ROWS[name]
    params, carry, xs = drawn(cell)
    last, ys = recur.unroll(cell, params, carry, xs)
    middle, first = recur.unroll(cell, params, carry, xs[:4])
    end, second = recur.unroll(cell, params, middle, xs[4:])
    assert_close((end, jnp.concatenate([first, second])), (last, ys))


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", ROWS)
def test_from_its_own_carry_and_params_it_and_its_gradients_are_finite(name):
    cell, _ = ROWS[name]
    params, xs = cell.init(KEY, SIZE), drawn(cell)[2].astype("float32")

    def loss(params, xs):
        return jnp.sum(jnp.square(recur.unroll(cell, params, None, xs)[1]))

    found = jax.value_and_grad(loss, (0, 1))(params, xs)
    assert all(jnp.isfinite(a).all() for a in jax.tree.leaves(found))


def mamba_of_constants():
    """Steps of one length a channel, B and C the same at all times, by a bias of u."""
    cell = linear_rnn.Mamba(H, state_size=3, expand=1, width=1)
    params, carry, xs = drawn(cell)
    return cell, params._replace(w_dt=0 * params.w_dt), carry, xs


def test_mamba_of_steps_that_are_constant_is_a_kernel_of_powers():
    """As S4D with real A, but for what is written: dt B."""
    cell, p, carry, xs = mamba_of_constants()
    u, z = jnp.split(xs @ p.w_ih, 2, axis=-1)
    c = jax.nn.silu(u * p.w_conv[0][None, None] + p.b_conv[None, None])
    _, b, read = jnp.split(c @ p.w_select, (1, 4), axis=-1)
    dt = jax.nn.softplus(p.b_dt)
    logs = -jnp.exp(p.log_decay) * dt[:, None]
    ys = []
    for t in range(len(xs)):
        y = jnp.einsum("ben,en,bn->be", carry.s, jnp.exp((t + 1) * logs), read[t])
        for i in range(t + 1):
            kernel = jnp.exp((t - i) * logs) * dt[:, None]
            y += jnp.einsum("be,bn,en,bn->be", c[i], b[i], kernel, read[t])
        ys.append(y + c[t] * p.d[None])
    expected = (jnp.stack(ys) * jax.nn.silu(z)) @ p.w_ho
    assert_close(outputs(cell, p, carry, xs), expected)


def test_mamba_that_reads_nothing_lets_its_input_by():
    cell = linear_rnn.Mamba(H, state_size=3, width=1)
    p, carry, xs = drawn(cell)
    p = p._replace(w_select=p.w_select.at[:, -3:].set(0.0))
    u, z = jnp.split(xs @ p.w_ih, 2, axis=-1)
    c = jax.nn.silu(u * p.w_conv[0][None, None] + p.b_conv[None, None])
    expected = (p.d[None, None] * c * jax.nn.silu(z)) @ p.w_ho
    assert_close(outputs(cell, p, carry, xs), expected)


def test_mamba_without_decay_is_a_running_sum():
    cell = linear_rnn.Mamba(H, state_size=3, width=1)
    p, carry, xs = drawn(cell)
    p = p._replace(log_decay=jnp.full_like(p.log_decay, -jnp.inf))
    ends = [recur.unroll(cell, p, carry, x[None])[0].s - carry.s for x in xs]
    whole = recur.unroll(cell, p, carry, xs)[0].s
    assert_close(whole, carry.s + sum(ends))


def test_mamba_is_drawn_as_in_its_paper():
    cell = linear_rnn.Mamba(40, state_size=5)
    p = cell.init(KEY, 7)
    assert p.w_dt.shape == (3, 80)
    assert jnp.abs(p.w_dt).max() <= 3**-0.5
    assert_close(jnp.exp(p.log_decay[3]), jnp.arange(1.0, 6.0, dtype="float32"))
    assert (p.d == 1).all()


def test_steps_are_drawn_between_their_bounds():
    dt = jax.nn.softplus(draw_step_bias(KEY, (5000,), (0.001, 0.1), "float64"))
    assert 0.001 <= dt.min() < 0.0011
    assert 0.09 < dt.max() <= 0.1
    assert abs(jnp.log10(dt).mean() + 2) < 0.05
    assert 0.4 < jnp.abs(draw_within(KEY, (99,), 4, "float32")).max() <= 0.5


def groups_and_heads():
    cell = linear_rnn.Mamba2(H, heads=4, state_size=3, groups=2, width=1)
    return cell, *drawn(cell)


def test_mamba2_is_what_its_mask_of_decays_makes():
    """Of all steps at once: the mask of exponents of sums over segments."""
    cell, p, carry, xs = groups_and_heads()
    carry = jax.tree.map(jnp.zeros_like, carry)
    z, u, dt = xs @ p.w_ih[:, :8], xs @ p.w_ih[:, 8:28], xs @ p.w_ih[:, 28:]
    c = jax.nn.silu(u * p.w_conv[0][None, None] + p.b_conv[None, None])
    v = c[..., :8].reshape(*c.shape[:2], 4, 2)
    b, read = (
        jnp.repeat(a.reshape(*c.shape[:2], 2, 3), 2, axis=-2)
        for a in (c[..., 8:14], c[..., 14:])
    )
    dt = jax.nn.softplus(dt + p.b_dt[None, None])
    until = jnp.cumsum(-dt * jnp.exp(p.log_decay)[None, None], axis=0)
    mask = jnp.exp(until[:, None] - until[None])
    mask *= jnp.tri(len(xs), dtype="float64")[:, :, None, None]
    seen = jnp.einsum("ibhn,jbhn,ijbh,jbh,jbhp->ibhp", read, b, mask, dt, v)
    y = (seen + p.d[None, None, :, None] * v).reshape(z.shape) * jax.nn.silu(z)
    y = y.reshape(*y.shape[:2], 2, 4)  # Each group is normalised by itself.
    y /= jnp.sqrt(jnp.mean(y**2, axis=-1, keepdims=True) + 1e-5)
    expected = (y.reshape(z.shape) * p.gain[None, None]) @ p.w_ho
    assert_close(outputs(cell, p, carry, xs), expected)


def test_mamba2_carries_a_mamba_whose_rates_are_tied():
    cell = linear_rnn.Mamba2(H, heads=1, state_size=3, expand=1, width=1)
    p, carry, xs = drawn(cell)
    p = p._replace(w_ih=p.w_ih.at[:, -1].set(0.0))  # Steps as long as their bias says.
    other = linear_rnn.Mamba(H, state_size=3, expand=1, width=1)
    q, _, _ = drawn(other)
    # B is one vector here, by silu of a bias, and a product of the input there.
    fixed = jnp.zeros_like(p.w_conv).at[:, :H].set(p.w_conv[:, :H])
    p = p._replace(w_conv=fixed)
    b = jax.nn.silu(p.b_conv[H : H + 3])
    flat = jnp.zeros((H, 1)), jnp.zeros((H, 3)), jnp.zeros((H, 3))
    q = q._replace(
        w_ih=jnp.concatenate([p.w_ih[:, H : 2 * H], p.w_ih[:, :H]], axis=-1),
        w_conv=p.w_conv[:, :H],
        b_conv=p.b_conv[:H].at[0].set(50.0),
        b_dt=jnp.full(H, p.b_dt[0]),
        log_decay=jnp.full((H, 3), p.log_decay[0]),
        w_select=jnp.concatenate(flat, axis=-1),
    )
    # The first channel is 50 whatever comes, and B is made of it.
    q = q._replace(w_conv=q.w_conv.at[:, 0].set(0.0))
    q = q._replace(w_select=q.w_select.at[0, 1:4].set(b / 50))
    p = p._replace(w_conv=p.w_conv.at[:, 0].set(0.0), b_conv=p.b_conv.at[0].set(50.0))
    start = linear_rnn.MambaCarry(jnp.swapaxes(carry.s[:, 0], -1, -2), ())
    expected = recur.unroll(other, q, start, xs)[0].s
    found = recur.unroll(cell, p, carry, xs)[0].s
    assert_close(jnp.swapaxes(found[:, 0], -1, -2), expected)


def test_mamba2_is_drawn_as_in_its_paper():
    p = linear_rnn.Mamba2(400, heads=400).init(KEY, 3)
    rates = jnp.exp(p.log_decay)
    assert 1 <= rates.min() < 1.5 < 15.5 < rates.max() <= 16.001
    assert (p.d == 1).all()


def test_m_lstm_divided_by_another_exponent_is_the_same():
    cell = linear_rnn.MLSTM(H, heads=2)
    p, carry, xs = drawn(cell)
    by = jnp.array([0.7, -1.3])
    shrunk = carry.s * jnp.exp(-by)[None, :, None, None]
    other = linear_rnn.MLSTMCarry(shrunk, carry.m + by[None])
    assert_close(outputs(cell, p, other, xs), outputs(cell, p, carry, xs))


def test_m_lstm_of_an_empty_matrix_starts_from_any_exponent():
    cell = linear_rnn.MLSTM(H, heads=2)
    p, carry, xs = drawn(cell)
    found = [
        outputs(cell, p, linear_rnn.MLSTMCarry(0 * carry.s, carry.m + by), xs)
        for by in (0.0, 3.0, -20.0)
    ]
    assert_close(found[1], found[0])
    assert_close(found[2], found[0])


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_m_lstm_is_what_its_matrix_of_gates_makes(forget):
    """The quadratic form: each row of exponents by its maximum."""
    cell = linear_rnn.MLSTM(H, forget=forget)
    p, carry, xs = drawn(cell)
    q, k, v, o = jnp.split(xs @ p.w_ih + p.b[None, None], 4, axis=-1)
    i, f = jnp.split(xs @ p.w_gates + p.b_gates[None, None], 2, axis=-1)
    logs = jax.nn.log_sigmoid(f) if forget == "sigmoid" else f
    until = jnp.cumsum(logs[..., 0], axis=0)
    d = until[:, None] - until[None] + i[None, ..., 0]
    d = jnp.where(jnp.tri(len(xs), dtype=bool)[:, :, None], d, -jnp.inf)
    m = jnp.max(d, axis=1)
    seen = jnp.einsum("ibk,jbk->ijb", q, k) * jnp.exp(d - m[:, None]) / H**0.5
    below = jnp.maximum(jnp.abs(jnp.sum(seen, axis=1)), jnp.exp(-m))
    y = jnp.einsum("ijb,jbv->ibv", seen, v) / below[..., None]
    carry = jax.tree.map(jnp.zeros_like, carry)
    assert_close(outputs(cell, p, carry, xs), jax.nn.sigmoid(o) * y)


def test_m_lstm_with_its_input_gate_wide_open_reads_what_it_wrote():
    cell = linear_rnn.MLSTM(H)
    p, carry, xs = drawn(cell)
    p = p._replace(b_gates=jnp.array([1e4, 0.0]))
    q, k, v, o = jnp.split(xs[0] @ p.w_ih + p.b[None], 4, axis=-1)
    sign = jnp.sign(jnp.sum(q * k, axis=-1, keepdims=True))
    assert_close(cell.step(p, carry, xs[0])[1], jax.nn.sigmoid(o) * sign * v)


def test_m_lstm_starts_with_gates_that_keep():
    p = linear_rnn.MLSTM(H, heads=4).init(KEY, SIZE)
    assert_close(p.b_gates[4:], jnp.linspace(3, 6, 4, dtype="float32"))
    assert (p.w_gates == 0).all()


def rwkv4_from_nothing(values):
    """From its own carry, with a projection that changes nothing, and ``r`` open."""
    cell = linear_rnn.RWKV4(H, dtype="float64")
    p, _, xs = drawn(cell)
    p = p._replace(w_ho=jnp.eye(H), w_r=0 * p.w_r, mix=p.mix.at[: 2 * SIZE].set(1.0))
    carry = cell.init_carry(xs.shape[1:2], params=p)
    return 2 * outputs(cell, p._replace(w_v=values(p.w_v)), carry, xs), p, carry, xs


def test_rwkv4_is_a_mean_of_values():
    found, p, _, xs = rwkv4_from_nothing(lambda w: w)
    v = xs @ p.w_v
    assert (found >= jax.lax.cummin(v) - 1e-9).all()
    assert (found <= jax.lax.cummax(v) + 1e-9).all()
    assert_close(found[0], v[0])


def test_rwkv4_of_one_value_is_that_value_whatever_the_keys():
    cell = linear_rnn.RWKV4(H, dtype="float64")
    _, p, carry, xs = rwkv4_from_nothing(lambda w: w)
    xs = jnp.concatenate([xs, jnp.ones_like(xs[..., :1])], axis=-1)
    last = lambda w, row: jnp.concatenate([w, row * jnp.ones((1, H))])
    mix = jnp.ones(3 * (SIZE + 1))
    p = p._replace(mix=mix, w_k=last(p.w_k, 0.0), w_r=last(p.w_r, 0.0))
    one = p._replace(w_v=last(0 * p.w_v, 0.7))
    carry = cell.init_carry(xs.shape[1:2], params=one)
    assert_close(2 * outputs(cell, one, carry, xs), jnp.full((*xs.shape[:2], H), 0.7))
    # And with all keys moved by the same it is the same mean.
    some = p._replace(w_v=last(p.w_v, 0.1))
    moved = some._replace(w_k=some.w_k.at[-1].set(300.0))
    expected = outputs(cell, some, carry, xs)
    assert_close(outputs(cell, moved, carry, xs), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_rwkv4_starts_from_nothing_in_each_dtype(dtype):
    cell = linear_rnn.RWKV4(H, dtype=dtype)
    p = cell.init(KEY, SIZE)
    _, ys = recur.unroll(cell, p, None, jnp.ones((3, 2, SIZE), dtype))
    assert jnp.isfinite(ys).all()


def test_a_token_is_beside_the_one_before():
    x, before = jnp.array([1.0, 2.0]), jnp.array([5.0, 6.0])
    assert_close(token_shift(jnp.array([1.0, 0.0]), x, before), jnp.array([1.0, 6.0]))


def test_rwkv7_that_erases_nothing_only_decays_and_within_bounds():
    cell, _ = ROWS["rwkv7"]
    p, carry, xs = drawn(cell)
    p = p._replace(rate_out=0 * p.rate_out, b_rate=jnp.full(H, -1e3))
    s = lambda by: recur.unroll(cell, p, carry._replace(s=by * carry.s), xs[:1])[0].s
    kept = (s(2.0) - s(1.0)) / carry.s
    assert_close(kept, jnp.broadcast_to(kept[..., :1], kept.shape))
    assert (kept > np.exp(-np.exp(-0.5))).all()
    assert (kept < 1).all()
    ends = [p._replace(b_decay=jnp.full(H, by)) for by in (1e3, -1e3)]
    for end, bound in zip(ends, (np.exp(-np.exp(-0.5)), 1.0), strict=True):
        p = end
        assert_close((s(2.0) - s(1.0)) / carry.s, jnp.full_like(kept, bound))


def test_rwkv7_that_erases_wholly_forgets_what_its_key_holds():
    cell, _ = ROWS["rwkv7"]
    p, carry, xs = drawn(cell)
    wide_open = jnp.full(H, 1e3)
    p = p._replace(rate_out=0 * p.rate_out, b_rate=wide_open, b_decay=-wide_open)
    one = lambda s: cell.step(p, carry._replace(s=s), xs[0])[0].s
    past, now = (a * p.mix[None, 2 * SIZE : 3 * SIZE] for a in (carry.past, xs[0]))
    k = ((xs[0] - now + past) @ p.w_k * p.erase[None]).reshape(-1, 2, 2)
    k /= jnp.sqrt(jnp.sum(k**2, axis=-1, keepdims=True))
    moved = one(carry.s + k[..., None] * jnp.array([0.3, 0.7])[None, None, None])
    assert_close(moved, one(carry.s))


def test_rwkv7_without_a_key_has_gradients():
    cell, _ = ROWS["rwkv7"]
    p, carry, xs = drawn(cell)
    loss = lambda w: jnp.sum(outputs(cell, p._replace(w_k=w), carry, xs))
    assert jnp.isfinite(jax.grad(loss)(0 * p.w_k)).all()


def test_rwkv7_has_ranks_by_its_size():
    sizes = linear_rnn.RWKV7(768, heads=12).sizes()
    assert (sizes["D"], sizes["A"], sizes["G"]) == (64, 64, 128)


BAD = {
    "Mamba: state_size is 0": lambda: recur.Mamba(4, state_size=0),
    "Mamba: expand is float 1.5": lambda: recur.Mamba(4, expand=1.5),
    "Mamba: rank is -1": lambda: recur.Mamba(4, rank=-1),
    "Mamba: dt_min is 1.0 and dt_max 0.1": lambda: recur.Mamba(4, dt_min=1.0),
    "Mamba2: groups is 2 and heads 3": lambda: recur.Mamba2(6, heads=3, groups=2),
    "Mamba2: width is 0": lambda: recur.Mamba2(6, width=0),
    "Mamba2: hidden_size is 6 and heads 4": lambda: recur.Mamba2(6, heads=4),
    "RWKV7: gate_rank is 0": lambda: recur.RWKV7(4, gate_rank=0),
    "RWKV4.init_carry: params is None": lambda: recur.RWKV4(4).init_carry((2,)),
    "MLSTM: forget is 'tanh'; expected": lambda: recur.MLSTM(4, forget="tanh"),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_by_name(message):
    with pytest.raises((TypeError, ValueError)) as error:
        BAD[message]()
    assert message in str(error.value)
