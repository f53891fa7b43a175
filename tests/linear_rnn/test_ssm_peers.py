"""LRU and S5 beside other libraries, where somebody has installed them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import LRU, S5
from recur.linear_rnn import S5Params

KEY, H, T = jax.random.key(0), 3, 6


def test_lru_is_that_of_memax():
    reason = "memax is an oracle for LRU where it is installed"
    module = pytest.importorskip("memax.equinox.semigroups.lru", reason=reason)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = module.LRU(recurrent_size=H, hidden_size=H, key=KEY)
        xs = jax.random.normal(KEY, (T, H), jnp.float32)
        start = jnp.zeros(T, bool)
        (lam, entered), _ = jax.vmap(theirs.forward_map)((xs, start))
        _, states = jax.lax.associative_scan(
            jax.vmap(module.LRUSemigroup(H)), (lam, entered)
        )
        expected = jax.vmap(theirs.backward_map)(((lam, states), start), (xs, start))
    cell = LRU(H)
    params = cell.init(KEY, H)._replace(
        nu=theirs.nu_log,
        theta=theirs.theta_log,
        gamma=theirs.gamma_log,
        w_ih=jnp.concatenate([theirs.B_re.T, theirs.B_im.T], -1),
        w_ho=jnp.concatenate([theirs.C_re.T, theirs.C_im.T]),
        d=theirs.D,
    )
    params = jax.tree.map(lambda a: a.astype(jnp.float32), params)
    _, ys = recur.unroll(cell, params, cell.init_carry(), xs)
    np.testing.assert_allclose(ys, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("way", ["zoh", "bilinear"])
def test_s5_is_that_of_torch(way):
    reason = "s5-pytorch is an oracle for S5 where it is installed"
    module = pytest.importorskip("s5.s5_model", reason=reason)
    torch = pytest.importorskip("torch", reason=reason)
    torch.manual_seed(0)
    theirs = module.S5(H, 8, block_count=2, bcInit="dense").seq
    theirs.discretize = getattr(module, f"discretize_{way}")
    xs = torch.randn(T, H)
    state, expected = torch.zeros(8, dtype=torch.complex64), []
    with torch.no_grad():
        for x in xs:
            y, state = theirs.forward_rnn(x, state)
            expected.append(y.numpy())
        b, c = (a.numpy() for a in theirs.get_BC_tilde())
    rate = theirs.Lambda.detach().numpy()
    params = S5Params(
        w_ih=np.concatenate([b.real.T, b.imag.T], -1),
        lambda_re=rate.real,
        lambda_im=rate.imag,
        log_dt=theirs.log_step.detach().numpy().reshape(-1),
        w_ho=np.concatenate([c.real.T, c.imag.T]),
        d=theirs.D.detach().numpy(),
    )
    cell = S5(H, state_size=8, blocks=2, conj_sym=False, discretization=way)
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
    _, ys = recur.unroll(cell, params, cell.init_carry(), jnp.asarray(xs.numpy()))
    np.testing.assert_allclose(ys, np.stack(expected), rtol=1e-5, atol=2e-6)
