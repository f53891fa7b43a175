"""Rolls on a mesh of four virtual devices against the same rolls on one.

A process of its own, since the number of devices is fixed when JAX starts.
"""

import re
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import recur
import recur.linen
from recur._roll.chunked import tuning
from recur.decoding import beam_search, sample
from recur.training import tbptt
from tests.support.compile import optimise_little

H, STEPS, ROWS = 4, 5, 8
XS = jnp.sin(jnp.arange(STEPS * ROWS * H, dtype=jnp.float32)).reshape(STEPS, ROWS, H)
MASK = jnp.asarray(np.arange(STEPS * ROWS).reshape(STEPS, ROWS) % 5 != 2)

# So that the choice between platforms is among what meshes have to follow.
tuning.SHORT = 0


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
    "delta net": recur.DeltaNet(H, heads=2),
    "tagger": recur.Readout(recur.Bidirectional(recur.Elman(H)), 2),
}
CLOSE = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
FLAGS = {"none": (), "segments": ("mask", "reset", "remat")}


def loss(cell, flags, params, xs, mask):
    """A number a row, with the carry made where the roll is."""
    given = {"mask": mask, "reset": jnp.roll(mask, 1, 0) ^ mask, "remat": 2}
    options = {name: given[name] for name in flags}
    ys = recur.unroll(cell, params, None, xs, **options)[1]
    return jnp.sum(jnp.sin(ys), (0, 2))


def loss_of_layer(params, xs, mask):
    """The same by a layer of Flax, which makes the carry itself."""
    layer = recur.linen.RNN(recur.GRU(H), time_major=True)
    ys = layer.apply({"params": {"cell": params._asdict()}}, xs, mask=mask)
    return jnp.sum(jnp.sin(ys), (0, 2))


def value_and_grads(function, params, *inputs):
    """Compiles, runs, and tells what the program costs too."""

    def total(params, xs, mask):
        return jnp.sum(function(params, xs, mask))

    graded = jax.jit(jax.value_and_grad(total, (0, 1)))
    program = graded.lower(params, *inputs).compile()
    return jax.device_get(program(params, *inputs)), program


def alone(function, params):
    return value_and_grads(function, params, XS, MASK)


def in_shard_map(function, params):
    mesh = jax.make_mesh((4,), ("d",), axis_types=(AxisType.Auto,))
    specs = P(), P(None, "d"), P(None, "d")
    mapped = jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=P("d"))
    return value_and_grads(mapped, params, XS, MASK)


def left_to_the_compiler(function, params):
    return value_and_grads(function, *placed(AxisType.Auto, params)[1:])


def with_explicit_axes(function, params):
    mesh, *given = placed(AxisType.Explicit, params)
    with jax.set_mesh(mesh):
        return value_and_grads(function, *given)


def placed(kind, params):
    mesh = jax.make_mesh((4,), ("d",), axis_types=(kind,))
    everywhere, rows = (NamedSharding(mesh, P(*axes)) for axes in ((), (None, "d")))
    return mesh, *jax.device_put((params, XS, MASK), (everywhere, rows, rows))


WAYS = {
    "shard_map": in_shard_map,
    "left to the compiler": left_to_the_compiler,
    "explicit": with_explicit_axes,
}


def differences(name, function, params):
    """Tells in which way of rolling one cell differs from alone."""
    expected, whole = alone(function, params)
    for way, run in WAYS.items():
        try:
            found, program = run(function, params)
            jax.tree.map(CLOSE, found, expected)
            check_rows_stay(program)
            if way != "shard_map":  # Chunks of fewer rows are of more steps there.
                share = flops(program) / flops(whole)
                assert share < 0.3, share
        except Exception as error:
            yield f"{name}, {way}: {error!r:.300}"


def check_rows_stay(program):
    moved = re.findall(r"= (\S+ (?:all-gather|all-to-all)\()", program.as_text())
    assert not moved, moved


def flops(program):
    """Of one device."""
    return program.cost_analysis()["flops"]


TAGGER = recur.Readout(recur.Dropout(recur.Zoneout(recur.GRU(H), h=0.4), 0.4), H)


def masked(params, xs):
    """Gradients under masks that are drawn as if there were one device."""

    def total(params):
        drawn = recur.draw_masks(TAGGER, jax.random.key(2), params, xs)
        return jnp.sum(recur.unroll(TAGGER, drawn, None, xs)[1] ** 2)

    return jax.jit(jax.value_and_grad(total))(params)


def truncated(params, xs):
    error = lambda y, target: jnp.sum((y - target) ** 2)
    return tbptt(TAGGER, error, params, None, xs, xs, window=3, every=1)[1:]


def written(params, xs):
    """Tokens that rows write after their own first."""
    options = {"embed": lambda token: jax.nn.one_hot(token, H), "length": 3}
    prompt, key = xs.argmax(-1)[:1].astype(jnp.int32), jax.random.key(3)
    drawn = sample(TAGGER, params, None, prompt, key=key, **options)
    best = beam_search(TAGGER, params, None, prompt, beams=2, end=0, **options)
    return drawn.tokens, best.tokens, best.scores


def differences_elsewhere():
    """Tells what else, making arrays for rows, differs on an explicit mesh."""
    params = TAGGER.init(jax.random.key(0), H)
    mesh, placed_params, xs, _ = placed(AxisType.Explicit, params)
    for function in (masked, truncated, written):
        expected = function(params, XS)
        try:
            with jax.set_mesh(mesh):
                found = jax.device_get(function(placed_params, xs))
            jax.tree.map(CLOSE, found, jax.device_get(expected))
        except Exception as error:
            yield f"{function.__name__}: {error!r:.300}"


def main():
    optimise_little()
    found = [wrong for row in rows() for wrong in differences(*row)]
    sys.exit("\n".join([*found, *differences_elsewhere()]) or 0)


def rows():
    for name, cell in CELLS.items():
        params = cell.init(jax.random.key(0), H)
        for flags, names in FLAGS.items():
            yield f"{name}, {flags}", partial(loss, cell, names), params
    yield "layer", loss_of_layer, CELLS["gru"].init(jax.random.key(0), H)


if __name__ == "__main__":
    main()
