"""Cells with a matrix beside loops of other libraries, where somebody installed these.

The loops are loaded by the paths of their files, which need torch and einops alone; to
import the packages takes more.
"""

import runpy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.mamba import from_mamba
from recur.linear_rnn import MemoryCell, RankOne
from recur.linear_rnn.memory import Memory
from tests.support.draw import (
    assert_close,
    random_like,
    weigh,
    weights_like,
    with_gradients,
)

B, T, SIZE = 2, 7, 3
MAMBA = "mambapy is an oracle for Mamba where it is installed"
WAYS = {"scan": "scan", "chunked": ("composed", "chunked")}


def loaded(package, path):
    """What a file of a package defines, which itself is not imported."""
    reason = f"{package}, beside torch and einops, is an oracle where it is installed"
    for needed in ("torch", "einops"):
        pytest.importorskip(needed, reason=reason)
    spec = find_spec(package.removesuffix("-core"))
    file = Path(spec.submodule_search_locations[0], path) if spec else None
    if file is None or not file.exists():
        pytest.skip(reason)
    return runpy.run_path(str(file))


def drawn(cell, size=SIZE):
    params = jax.eval_shape(lambda key: cell.init(key, size), jax.random.key(0))
    carry = jax.eval_shape(lambda p: cell.init_carry((B,), params=p), params)
    xs = jax.ShapeDtypeStruct((T, B, size), "float32")
    return random_like(1, (params, carry, xs))


def elements(cell, params, carry, xs):
    """What the cell does with its matrix, at all steps."""
    if not isinstance(cell, MemoryCell):
        return cell.elements(params, xs)
    _, done = recur.unroll(cell.front, params, tuple(carry[1:]), xs)
    return done._replace(aside=None)


def leaf(a, axis=0):
    """A tensor to differentiate by, with time at another axis."""
    torch = pytest.importorskip("torch")
    return torch.tensor(np.moveaxis(np.asarray(a), 0, axis), requires_grad=True)


def array(a):
    return jnp.asarray(a.detach().numpy())


def slopes(outs, leaves):
    """By each leaf, of what :func:`weigh` makes of the same outputs."""
    torch = pytest.importorskip("torch")
    weights = [torch.tensor(weights_like(a.detach().numpy())) for a in outs]
    return torch.autograd.grad(outs, leaves, weights)


def less(q):
    return q * q.shape[-1] ** -0.5


def more(q):
    return q * q.shape[-1] ** 0.5


class Row(NamedTuple):
    cell: object
    file: str
    function: str
    asked: Callable  # What theirs is asked for, of what ours does
    made: Callable  # What ours does, of that
    axis: int = 1  # Of time, in theirs


def of_rows(cell, params, xs, done):
    return {"q": more(done.query), "k": done.key, "v": done.value, "gk": done.log_decay}


def for_rows(q, k, v, gk):
    return RankOne(gk, k, v, less(q))


def of_heads(cell, params, xs, done):
    g = done.log_decay[..., 0]
    return {"q": more(done.query), "k": done.key, "v": done.value, "g": g}


def for_heads(q, k, v, g):
    return RankOne(g[..., None], k, v, less(q))


def of_erased(cell, params, xs, done):
    beta = cell.write(params.w_b, xs)[..., 0]
    return {"q": more(done.query), "k": done.look, "v": done.value, "beta": beta}


def for_erased(q, k, v, beta, g=None):
    beta = beta[..., None]
    look = k if g is None else jnp.exp(g) * k
    return RankOne(g, beta * k, v, less(q), beta * k, look)


def of_gated(cell, params, xs, done):
    g = done.log_decay
    done = done._replace(look=done.look * jnp.exp(-g))
    g = g if cell.gate == "row" else g[..., 0]
    return {**of_erased(cell, params, xs, done), "g": g}


def for_gated(q, k, v, beta, g):
    return for_erased(q, k, v, beta, g[..., None])


def of_looked(cell, params, xs, done):
    alpha, beta = done.look, -done.erase
    return {**of_rows(cell, params, xs, done), "alpha": alpha, "beta": beta}


def for_looked(q, k, v, gk, alpha, beta):
    return RankOne(gk, k, v, less(q), -beta, alpha)


def of_bonus(cell, params, xs, done):
    asked = of_rows(cell, params, xs, done)
    asked["w"] = asked.pop("gk")
    return {**asked, "u": params.bonus.reshape(cell.heads, -1)}


def for_bonus(q, k, v, w, u):
    return RankOne(w, k, v, less(q), bonus=jnp.broadcast_to(u[None, None], q.shape))


def of_all(cell, params, xs, done):
    return {"q": more(done.query), "k": done.key, "v": done.value}


def for_all(q, k, v):
    return RankOne(None, k, v, less(q))


RECURRENT = "naive_recurrent_"
ROWS = {
    "gla": Row(
        recur.GLA(8, heads=2, rank=2),
        *("gla/naive", f"{RECURRENT}gla", of_rows, for_rows),
    ),
    "gla a head": Row(
        recur.GLA(8, heads=2, rank=2, gate="head"),
        *("simple_gla/naive", f"{RECURRENT}simple_gla", of_heads, for_heads),
    ),
    "linear attention": Row(
        recur.LinearAttention(6, heads=2),
        *("linear_attn/naive", f"{RECURRENT}linear_attn", of_all, for_all),
    ),
    "hgrn2": Row(
        recur.HGRN2(6, heads=2, lower_bound=0.3),
        *("gla/naive", f"{RECURRENT}gla", of_rows, for_rows),
    ),
    "mamba2": Row(
        recur.Mamba2(4, heads=2, state_size=3),
        *("simple_gla/naive", f"{RECURRENT}simple_gla", of_heads, for_heads),
    ),
    "delta net": Row(
        recur.DeltaNet(6, heads=2),
        *("delta_rule/naive", "delta_rule_recurrence", of_erased, for_erased, 2),
    ),
    "gated delta net": Row(
        recur.GatedDeltaNet(6, heads=2),
        "gated_delta_rule/naive",
        *(f"{RECURRENT}gated_delta_rule", of_gated, for_gated),
    ),
    "kda": Row(
        recur.GatedDeltaNet(6, heads=2, gate="row", negative=True),
        *("kda/naive", f"{RECURRENT}kda", of_gated, for_erased),
    ),
    "rwkv6": Row(
        recur.RWKV6(6, heads=2, mix_rank=2, decay_rank=2),
        *("rwkv6/recurrent_naive", f"{RECURRENT}rwkv6", of_bonus, for_bonus, 2),
    ),
    "rwkv7": Row(
        recur.RWKV7(6, heads=2, decay_rank=2, rate_rank=2, gate_rank=2),
        "generalized_delta_rule/dplr/naive",
        *("dplr_recurrence", of_looked, for_looked, 2),
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ROWS)
def test_what_is_found_and_the_last_matrix_are_those_of_fla(name, way):
    row = ROWS[name]
    theirs = loaded("fla-core", f"ops/{row.file}.py")[row.function]
    params, carry, xs = drawn(row.cell)
    s = jax.tree.leaves(carry)[0]

    def ours(asked, s):
        done = row.made(**asked)
        outs = recur.unroll(Memory(), None, s, done, implementation=WAYS[way])
        return weigh(outs), outs

    @jax.jit
    def differentiated(params, carry, xs):
        done = elements(row.cell, params, carry, xs)
        asked = row.asked(row.cell, params, xs, done)
        grads = jax.grad(ours, (0, 1), has_aux=True)(asked, s)
        return grads, asked, (row.made(**asked), done)

    actual, asked, (made, done) = differentiated(params, carry, xs)
    assert_close(made, done)
    axes = {name: 0 if name == "u" else row.axis for name in asked}
    given = {name: leaf(a, axes[name]) for name, a in asked.items()}
    start = leaf(s)
    found, last = theirs(**given, initial_state=start, output_final_state=True)
    outs = last, found.movedim(row.axis, 0)
    *grads, of_start = slopes(outs, [*given.values(), start])
    pairs = zip(axes.items(), grads, strict=True)
    grads = {name: array(a.movedim(axis, 0)) for (name, axis), a in pairs}
    assert_close(actual, ((grads, array(of_start)), tuple(map(array, outs))))


@pytest.mark.parametrize("way", WAYS)
def test_retention_finds_what_that_of_fla_does(way):
    """Theirs starts from zero and gives no last matrix."""
    theirs = loaded("fla-core", "ops/retention/naive.py")["naive_retention"]
    cell = recur.Retention(8, heads=2)
    params, carry, xs = drawn(cell)
    done = jax.jit(elements, static_argnums=0)(cell, params, carry, xs)

    def ours(*qkv):
        q, k, v = qkv
        steps = RankOne(done.log_decay, k, v, less(q))
        s = jnp.zeros_like(carry.s)
        _, found = recur.unroll(Memory(), None, s, steps, implementation=WAYS[way])
        return weigh(found), found

    qkv = more(done.query), done.key, done.value
    given = [leaf(a, axis=2) for a in qkv]
    found = theirs(*given).movedim(2, 0)
    grads = [array(a.movedim(2, 0)) for a in slopes([found], given)]
    differentiated = jax.jit(jax.grad(ours, (0, 1, 2), has_aux=True))
    assert_close(differentiated(*qkv), (tuple(grads), array(found)))


@pytest.mark.parametrize("way", WAYS)
def test_hgrn_is_that_of_fla(way):
    theirs = loaded("fla-core", "ops/hgrn/naive.py")["naive_recurrent_hgrn"]
    torch = pytest.importorskip("torch")
    cell = recur.HGRN(6, lower_bound=0.3)
    params, carry, xs = drawn(cell)
    w, gain, w_ho, start = map(leaf, (*params, carry))
    x = leaf(xs, axis=1)
    f, c, g = (x @ w).chunk(3, -1)
    f = 0.3 + 0.7 * torch.sigmoid(f)
    silu, norm = torch.nn.functional.silu, torch.nn.functional.rms_norm
    h, last = theirs((1 - f) * silu(c), f.log(), start, output_final_state=True)
    ys = (norm(h, (6,), gain, 1e-5) * silu(g)) @ w_ho
    outs = last, ys.movedim(1, 0)
    *of_params, of_start, of_x = slopes(outs, (w, gain, w_ho, start, x))
    grads = type(params)(*map(array, of_params)), array(of_start)
    expected = tuple(map(array, outs)), (*grads, array(of_x.movedim(1, 0)))
    assert_close(run(cell, way)(params, carry, xs), expected)


@pytest.mark.parametrize("way", WAYS)
def test_m_lstm_is_that_of_xlstm(way):
    """Without what is added to their denominators."""
    path = "blocks/mlstm/backends.py"
    step = loaded("xlstm", path)["recurrent_step_stabilized_simple"]
    torch = pytest.importorskip("torch")
    cell = recur.MLSTM(6, heads=2)
    params, carry, xs = drawn(cell)
    leaves = w, b, w_gates, b_gates, s, m, x = [*map(leaf, (*params, *carry, xs))]
    state, ys = (s[..., :-1], s[..., -1:], m[..., None, None]), []
    for x_t in x:
        # Copies, as theirs takes an axis off them in place.
        q, k, v, o = (a.clone() for a in (x_t @ w + b).view(B, 4, 2, 1, 3).unbind(1))
        i, f = (x_t @ w_gates + b_gates).view(B, 2, 2, 1, 1).unbind(1)
        h, state = step(*state, q, k, v, i, f, eps=0.0)
        ys.append((torch.sigmoid(o) * h).reshape(B, 6))
    c, n, m = state
    outs = torch.cat([c, n], -1), m[..., 0, 0], torch.stack(ys)
    grads = [*map(array, slopes(outs, leaves))]
    grads = type(params)(*grads[:4]), type(carry)(*grads[4:6]), grads[6]
    last, ys = type(carry)(*map(array, outs[:2])), array(outs[2])
    assert_close(run(cell, way)(params, carry, xs), ((last, ys), grads))


@pytest.mark.parametrize("pscan", [False, True])
def test_mamba_is_the_block_of_mambapy(pscan):
    theirs = mamba_of_mambapy(pscan=pscan)
    cell, params = from_mamba(theirs)
    _, carry, xs = drawn(cell, 4)
    carry = jax.tree.map(jnp.zeros_like, carry)
    x = leaf(xs, axis=1)
    ys = theirs(x).movedim(1, 0)
    of_x, of_params = slopes_of_mamba([ys], [x], theirs)
    roll = lambda params, xs: recur.unroll(cell, params, carry, xs)[1]
    expected = array(ys), (of_params, array(of_x.movedim(1, 0)))
    assert_close(jax.jit(with_gradients(roll))(params, xs), expected)


@pytest.mark.parametrize("way", WAYS)
def test_mamba_steps_as_the_block_of_mambapy(way):
    theirs = mamba_of_mambapy()
    torch = pytest.importorskip("torch")
    cell, params = from_mamba(theirs)
    _, carry, xs = drawn(cell, 4)
    leaves = s, *past, x = [*map(leaf, (carry.s, *carry.past, xs))]
    # Their inputs before are the oldest first.
    state, ys = (s, torch.stack(past[::-1], -1)), []
    for x_t in x:
        y, state = theirs.step(x_t, state)
        ys.append(y)
    s, past = state
    outs = s, *past.flip(-1).unbind(-1), torch.stack(ys)
    *grads, of_params = slopes_of_mamba(outs, leaves, theirs)
    of_s, *of_past, of_xs = map(array, grads)
    s, *past, ys = map(array, outs)
    grads = of_params, type(carry)(of_s, tuple(of_past)), of_xs
    expected = (type(carry)(s, tuple(past)), ys), grads
    assert_close(run(cell, way)(params, carry, xs), expected)


def mamba_of_mambapy(**options):
    """With weights that are drawn, which its own are not all."""
    module = pytest.importorskip("mambapy.mamba", reason=MAMBA)
    torch = pytest.importorskip("torch", reason=MAMBA)
    options = {"n_layers": 1, "dt_rank": 2, "d_state": 3, "d_conv": 3, **options}
    block = module.MambaBlock(module.MambaConfig(d_model=4, **options))
    for n, p in enumerate(block.parameters()):
        p.data = torch.tensor(np.asarray(random_like(n, array(p))))
    return block


def slopes_of_mamba(outs, leaves, block):
    """The last are those by its weights, as ours are laid out."""
    named = dict(block.named_parameters())
    grads = slopes(outs, [*leaves, *named.values()])
    own = dict(zip(named, grads[len(leaves) :], strict=True))
    return *grads[: len(leaves)], from_mamba(own)[1]


def run(cell, way):
    def roll(*args):
        return recur.unroll(cell, *args, implementation=WAYS[way])

    return jax.jit(with_gradients(roll))
