"""Numbers and biases, in any order."""

import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("row number -> row", often=2)
def plus_number(a, s):
    return a + s


@op("number row -> row")
def number_minus(s, a):
    return s - a


@op("number row -> row")
def number_times(s, a):
    return s * a


@op("row number -> row")
def over_number(a, s):
    return a / (1.5 + s * s)


@op("row number -> row")
def to_a_power(a, s):
    return (1 + a * a) ** s


@op("row bias -> row", often=3)
def plus_bias(a, b):
    return a + b


@op("bias row -> row")
def bias_minus(b, a):
    return b - a


@op("bias row -> row")
def bias_times(b, a):
    return b * a


@op("row -> number", "mixes")
def total(a):
    return jnp.tanh(a.sum())


@op("bias -> number")
def first_entry(b):
    return b[0]


@op("number number -> number")
def numbers_multiplied(s, r):
    return 0.5 * s * r


@op("bias number -> bias")
def bias_plus_number(b, s):
    return b + s
