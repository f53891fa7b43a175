r"""Any step taken apart, a user's or another library's, without asking its author.

Of a step the products of carry-dependent operands with weights are set aside,

.. math::
    p_k = u_k W_k, \qquad a_k = \mathrm{affine}(p_k, x, \theta)

and once the :math:`a_k` are given, the rest of a step has no matrices in it. It is
linearised for a whole chunk at once, and so are the terms
:math:`u_k \dot W_k` of the weights. The loop that is left applies a linear map and
one product :math:`\dot u_k W_k` each.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Literal

from recur._jaxpr.fold_factors import fold_factors
from recur._jaxpr.interpret import Atom, Values, read, run, run_alone, shape_of
from recur._jaxpr.merge_batch_dims import merged_product, multiply_like
from recur._jaxpr.partition import SUMS, Product, StepPartition
from recur._jaxpr.symbolic_zeros import has_tangent, instantiate_zeros, push_forward
from recur._roll.chunked.rule import Chunk
from recur._roll.chunked.tuning import Tuning
from recur.types import Array, PyTree


class TracedRule:
    """A dissected step, as the chunked roll wants it.

    ``weights`` are the values that need params alone, and a transposed copy of each
    weight for the way back.
    """

    residuals_in_place = False
    recompute_last_output = False
    batch_axes_only = False

    def __init__(self, dissection: StepPartition) -> None:
        self.found = dissection
        self.cuts = [v for p in dissection.products for v in p.cut]
        self.operands = [p.eqn.invars[1 - p.weight] for p in dissection.products]
        used = {v for e in dissection.rest for v in e.invars if _is_variable(v)}
        self.used = used.union(v for v in dissection.outputs if _is_variable(v))
        self.extra = [v for v in dissection.offered if v in self.used]
        self.made = sum(map(_entries, dissection.of_input))

    def tuned(self, tuning: Tuning) -> "TracedRule":
        """The rule as it is: its equations are those of the step."""
        return self

    def prepare(self, params: PyTree) -> PyTree:
        """Computes all that needs params alone."""
        found = self.found
        known = dict(zip(*found.consts, strict=True))
        known |= dict(zip(found.params, jax.tree.leaves(params), strict=True))
        run(found.of_params, known)
        back = [_turned(p, known) for p in found.products]
        return [jnp.asarray(known[v]) for v in found.fixed], back

    def project(self, weights: PyTree, xs: PyTree) -> PyTree:
        """Computes what inputs and params add to each pre-activation.

        And whatever else needs the input, and not the carry.
        """

        def one(leaves: list[Array]) -> PyTree:
            known = self._known(weights[0], (self.found.x, leaves))
            run(self.found.of_input, known, {"dot_general": merged_product})
            adds = (_through(p, None, known) for p in self.found.products)
            return list(chain(*adds)), [known[v] for v in self.extra]

        return jax.vmap(one)(jax.tree.leaves(xs))

    def forward(self, weights: PyTree, start: PyTree, z: PyTree) -> PyTree:
        """Computes the pre-activations, one product after the other."""
        adds, extra = z
        pairs = (self.found.carry, jax.tree.leaves(start)), (self.extra, extra)
        known, rest = self._known(weights[0], *pairs), iter(adds)
        products = {id(p.eqn): p for p in self.found.products}
        for eqn in self.found.in_loop:
            run([eqn], known)
            if product := products.get(id(eqn)):
                cut = _through(product, known[eqn.outvars[0]], {})
                sums = (_plus(a, next(rest)) for a in cut)
                known |= dict(zip(product.cut, sums, strict=True))
        return [known[v] for v in self.cuts], extra

    def output(self, weights: PyTree, start: PyTree, residuals: PyTree) -> PyTree:
        """Computes the rest."""
        _, outputs = self._rest(weights[0], jax.tree.leaves(start), *residuals)
        return self.found.structure.unflatten(outputs)

    def linearize(
        self, weights: PyTree, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> PyTree:
        """Gives the linearised rest of each step, and what drives it."""
        (fixed, _), (dfixed, _) = weights, dweights
        at = jax.tree.leaves(chunk.starts), *chunk.residuals
        at_weights, along = (weights, chunk.xs), (dweights, dxs)
        dadds, dextra = push_forward(self.project, at_weights, along)
        operands, _ = jax.vmap(self._rest, (None, 0, 0, 0))(fixed, *at)
        moving, input_tangent = dict(zip(self.found.fixed, dfixed, strict=True)), []
        for product, operand in zip(self.found.products, operands, strict=True):
            input_tangent += _drive(product, operand, moving)
        sums = [_plus(d, add) for d, add in zip(input_tangent, dadds, strict=True)]
        input_tangent = instantiate_zeros(chunk.residuals[0], sums)
        maps = jax.vmap(self._linear, (None, 0, 0, 0))(fixed, *at)
        return maps, input_tangent, dextra, self._pushed(fixed, dfixed, at)

    def tangent(self, weights: PyTree, dcarry: PyTree, linear: PyTree) -> PyTree:
        """Takes a step of the linear recurrence, one product after the other."""
        apply, input_tangent, dextra, pushed = linear
        dcarry, moving = jax.tree.leaves(dcarry), [d for d in dextra if d is not None]
        dcuts, at = [jnp.zeros_like(d) for d in input_tangent], 0

        def rest() -> PyTree:
            out = apply(dcarry, dcuts, moving)
            return out if pushed is None else jax.tree.map(jnp.add, out, pushed)

        for n, product in enumerate(self.found.products):
            dp = _multiply(product, rest()[0][n], self._weight(weights, n))
            for d in _through(product, dp, {}):
                dcuts[at] = _plus(input_tangent[at], d)
                at += 1
        return self.found.structure.unflatten(rest()[1])

    def _known(
        self, fixed: list[Array], *pairs: tuple[Sequence[Atom], list[Array]]
    ) -> Values:
        known = dict(zip(self.found.fixed, fixed, strict=True))
        for variables, values in pairs:
            known |= dict(zip(variables, values, strict=True))
        return known

    def _weight(self, weights: PyTree, n: int) -> tuple[Array, Array | None]:
        product = self.found.products[n]
        w = self._known(weights[0])[product.eqn.invars[product.weight]]
        return w, weights[1][n]

    def _rest(
        self, fixed: list[Array], start: list[Array], cuts: list[Array], extra: PyTree
    ) -> PyTree:
        pairs = (self.found.carry, start), (self.cuts, cuts), (self.extra, extra)
        known = self._known(fixed, *pairs)
        run(self.found.rest, known)
        wanted = self.operands, self.found.outputs
        return tuple([read(known, v) for v in variables] for variables in wanted)

    def _linear(
        self, fixed: list[Array], start: list[Array], cuts: list[Array], extra: PyTree
    ) -> PyTree:
        def rest(start: PyTree, cuts: PyTree, moving: list[Array]) -> PyTree:
            new = iter(moving)
            values = [next(new) if has_tangent(a) else a for a in extra]
            return self._rest(fixed, start, cuts, values)

        moving = [a for a in extra if has_tangent(a)]
        _, linear = jax.linearize(rest, start, cuts, moving)
        return fold_factors(linear, start, cuts, moving)

    def _pushed(
        self, fixed: list[Array], dfixed: list[Array | None], at: PyTree
    ) -> PyTree:
        """What tangents of params add to the rest, where they stand in it."""
        pairs = zip(self.found.fixed, dfixed, strict=True)
        dfixed = [d if v in self.used else None for v, d in pairs]
        if all(d is None for d in dfixed):
            return None
        still = jax.tree.map(lambda _: None, at)

        def push(*at: PyTree) -> PyTree:
            return push_forward(self._rest, (fixed, *at), (dfixed, *still))

        return jax.vmap(push)(*at)


def _turned(product: Product, known: Values) -> Array | None:
    """Transposes a weight that stands right, as in ``h @ w``."""
    (left, right), _ = product.eqn.params["dimension_numbers"]
    h, w = product.eqn.invars
    plain = product.weight == 1 and len(shape_of(w)) == 2 and right == (0,)
    return known[w].T if plain and left == (len(shape_of(h)) - 1,) else None


def _multiply(
    product: Product, operand: Array, weight: tuple[Array, Array | None]
) -> Array:
    w, turned = weight
    if turned is None:
        return run_alone(product.eqn, _ordered(product, operand, w))[0]
    return multiply_like(product.eqn, operand, turned, 1)


def _ordered(product: Product, operand: Array, w: Array) -> list[Array]:
    return [w, operand] if product.weight == 0 else [operand, w]


def _drive(product: Product, operands: Array, moving: Values) -> list[Any]:
    """What the tangent of the weight adds to the pre-activations of a chunk."""
    dw = moving[product.eqn.invars[product.weight]]

    def one(operand: Array) -> list[Any]:
        (p,) = merged_product(product.eqn, _ordered(product, operand, dw))
        return _through(product, p, {})

    return [None] * len(product.cut) if dw is None else jax.vmap(one)(operands)


def _through(product: Product, p: Array | None, known: Values) -> list[Any]:
    """Runs the affine chain; what is ``None`` or not known adds nothing."""
    values = {**known, product.eqn.outvars[0]: p}
    for eqn in product.chain:
        inputs = [values.get(v) if _is_variable(v) else None for v in eqn.invars]
        values |= dict(zip(eqn.outvars, _affine(eqn, inputs), strict=True))
    return [values[v] for v in product.cut]


def _affine(eqn: JaxprEqn, inputs: list[Array | None]) -> list[Any]:
    name, present = eqn.primitive.name, [a for a in inputs if a is not None]
    if not present:
        return [None] * len(eqn.outvars)
    if name in SUMS and len(present) == 1:
        a = -present[0] if name == "sub" and inputs[0] is None else present[0]
        # A number for all entries, beside which there is nothing of their shape.
        return [jnp.broadcast_to(a, shape_of(eqn.outvars[0]))]
    pairs = zip(eqn.invars, inputs, strict=True)
    return run_alone(eqn, [v.val if isinstance(v, Literal) else a for v, a in pairs])


def _plus(a: Array | None, b: Array | None) -> PyTree:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _entries(eqn: JaxprEqn) -> int:
    """What an equation makes, but for repetitions, which are not written down."""
    repeats = eqn.primitive.name == "broadcast_in_dim"
    return 0 if repeats else sum(math.prod(shape_of(v)) for v in eqn.outvars)


def _is_variable(v: Atom) -> bool:
    return not isinstance(v, Literal)
