"""Which operations many steps may do at once, in value and in every derivative.

A list of those that may: mapped over steps, a conditional runs both of its branches, a
loop as often as its longest, the generators of some keys draw for all steps from one,
and not every operation has a rule by which it is mapped or transposed. What is not
listed stays in the plain scan.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from recur._jaxpr.interpret import Atom
from recur._jaxpr.symbolic_zeros import has_tangent, push_forward

_ENTRYWISE = """
abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e
bitcast_convert_type cbrt ceil clamp clz complex conj convert_element_type copy copy_p
cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt imag integer_pow
is_finite le lgamma log log1p log2 logistic lt max min mul ne neg nextafter not
one_minus_square or population_count pow real reduce_precision rem round rsqrt select_n
shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square
stop_gradient sub tan tanh xor
"""
_SHAPE = """
broadcast_in_dim broadcast_to concatenate dynamic_slice dynamic_update_slice
expand_dims gather iota pad pcast pvary reshape rev scatter scatter-add scatter_add
slice split squeeze stack tile transpose unstack zeros_like
"""
_REDUCTIONS = """
argmax argmin cumlogsumexp cummax cummin cumprod cumsum reduce_and reduce_max reduce_min
reduce_or reduce_prod reduce_sum reduce_window_max reduce_window_sum reduce_xor
select_and_gather_add select_and_scatter_add sort top_k
"""
_PRODUCTS = "dot_general conv_general_dilated"
_RANDOM = """
random_bits random_clone random_fold_in random_seed random_split random_unwrap
random_wrap threefry2x32
"""
_NESTED = """
checkpoint closed_call core_call custom_jvp_call jit name pjit remat remat2 scan
"""

SEPARABLE = frozenset(
    " ".join((_ENTRYWISE, _SHAPE, _REDUCTIONS, _PRODUCTS, _RANDOM, _NESTED)).split()
)

MAPPED_KEYS = "fry"
"""The generator that draws for each of many keys what it draws for it alone."""


def is_separable(closed: ClosedJaxpr) -> bool:
    """Whether all that a step does may be done for many steps at once.

    Args:
      closed: The step, a closed jaxpr.

    Example:
      >>> is_separable(jax.make_jaxpr(jnp.sin)(1.0))
      True
      >>> positive = lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x)
      >>> is_separable(jax.make_jaxpr(positive)(1.0))
      False
    """
    if not _all_may(closed.jaxpr):
        return False
    # What a rule of somebody's does is not in the jaxpr of the function it is for.
    return not _has_rule(closed.jaxpr) or _all_may(_pushed_forward(closed))


def _all_may(jaxpr: Jaxpr) -> bool:
    return not jaxpr.effects and all(map(_may, jaxpr.eqns))


def _may(eqn: JaxprEqn) -> bool:
    inner = core.jaxprs_in_params(eqn.params)
    return (
        eqn.primitive.name in SEPARABLE
        and not any(_draws_otherwise(v) for v in (*eqn.invars, *eqn.outvars))
        and all(map(_all_may, inner))
    )


def _has_rule(jaxpr: Jaxpr) -> bool:
    return any(
        eqn.primitive.name == "custom_jvp_call"
        or any(map(_has_rule, core.jaxprs_in_params(eqn.params)))
        for eqn in jaxpr.eqns
    )


def _pushed_forward(closed: ClosedJaxpr) -> Any:
    at = list(closed.in_avals)
    along = [a if has_tangent(a) else None for a in at]
    push = partial(push_forward, core.jaxpr_as_fun(closed))
    return jax.make_jaxpr(push)(at, along).jaxpr


def _draws_otherwise(v: Atom) -> bool:
    dtype = getattr(v.aval, "dtype", None)
    is_key = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    return is_key and MAPPED_KEYS not in str(dtype)


__all__ = ["is_separable"]
