"""Rolls on a mesh of four virtual devices against the same rolls on one.

A process of its own, since the number of devices is fixed when JAX starts.
"""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import recur
from tests.support.compile import optimise_little

H, STEPS, ROWS = 4, 5, 8
XS = jnp.sin(jnp.arange(STEPS * ROWS * H, dtype=jnp.float32)).reshape(STEPS, ROWS, H)
MASK = jnp.asarray(np.arange(STEPS * ROWS).reshape(STEPS, ROWS) % 5 != 2)


class OwnStep:
    """A user's cell: a dense layer over input and carry."""

    output_size = H

    def init(self, key, input_size):
        return {"w": jnp.eye(input_size) / 2}

    def init_carry(self, batch_shape=(), *, params=None):
        return jnp.zeros((*batch_shape, H))

    def step(self, params, carry, x):
        h = jnp.tanh(carry @ params["w"] + x)
        return h, h


CELLS = {
    "own step": OwnStep(),
    "lstm": recur.LSTM(H, peephole=True),
    "gru": recur.GRU(H),
    "tagger": recur.Readout(recur.Bidirectional(recur.Elman(H)), 2),
}
FLAGS = {"none": (), "segments": ("mask", "memory")}


def loss(cell, flags, params, xs, mask):
    """A number a row, with the carry made where the roll is."""
    given = {"mask": mask, "memory": 2}
    carry = cell.init_carry((xs.shape[1],), params=params)
    options = {name: given[name] for name in flags}
    ys = recur.unroll(cell, params, carry, xs, **options)[1]
    return jnp.sum(jnp.sin(ys), (0, 2))


def alone(function, params):
    return jax.jit(jax.value_and_grad(lambda p: jnp.sum(function(p, XS, MASK))))(params)


def in_shard_map(function, params):
    mesh = jax.make_mesh((4,), ("d",), axis_types=(AxisType.Auto,))
    specs = P(), P(None, "d"), P(None, "d")
    mapped = jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=P("d"))
    return jax.jit(jax.value_and_grad(lambda p: jnp.sum(mapped(p, XS, MASK))))(params)


def with_explicit_axes(function, params):
    mesh = jax.make_mesh((4,), ("d",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):
        place = partial(jax.device_put, device=NamedSharding(mesh, P(None, "d")))
        xs, mask = place(XS), place(MASK)

        def total(params):
            return jnp.sum(function(params, xs, mask))

        return jax.jit(jax.value_and_grad(total))(params)


def with_given_carry(cell, flags, params, xs, mask):
    """Explicit axes ask that a carry says where its rows are."""
    given = {"mask": mask, "memory": 2}
    made = cell.init_carry((ROWS,), params=params)
    rows = NamedSharding(jax.sharding.get_abstract_mesh(), P("d"))
    carry = jax.tree.map(lambda a: jax.sharding.reshard(a, rows), made)
    options = {name: given[name] for name in flags}
    ys = recur.unroll(cell, params, carry, xs, **options)[1]
    return jnp.sum(jnp.sin(ys), (0, 2))


WAYS = {
    "shard_map": (in_shard_map, loss),
    "explicit": (with_explicit_axes, with_given_carry),
}


def differences(name, flags):
    """Tells in which way of rolling one cell differs from alone."""
    cell, names = CELLS[name], FLAGS[flags]
    params = cell.init(jax.random.key(0), H)
    expected = jax.device_get(alone(partial(loss, cell, names), params))
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    for way, (run, batch_axes_only) in WAYS.items():
        try:
            found = run(partial(batch_axes_only, cell, names), params)
            jax.tree.map(close, jax.device_get(found), expected)
        except Exception as error:
            yield f"{name}, {flags}, {way}: {error!r:.300}"


def main():
    optimise_little()
    every = ((name, flags) for name in CELLS for flags in FLAGS)
    sys.exit("\n".join(w for row in every for w in differences(*row)) or 0)


if __name__ == "__main__":
    main()
