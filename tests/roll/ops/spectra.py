"""Complex values."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("row row -> spectrum", often=2)
def as_parts(a, b):
    return jax.lax.complex(a, b)


@op("row -> spectrum")
def on_the_circle(a):
    return jnp.exp(1j * a)


@op("row -> spectrum")
def transformed(a):
    return jnp.fft.fft(a)


@op("row bias -> spectrum")
def turned_by_bias(a, b):
    return a * jnp.exp(1j * b)


@op("spectrum spectrum -> spectrum")
def spectra_multiplied(a, b):
    return a * b.conj()


@op("spectrum row -> spectrum")
def spectrum_times_row(z, a):
    return z * a - 1j


@op("spectrum weight -> spectrum")
def spectrum_times_weight(z, w):
    return z @ w.astype(z.dtype)


@op("spectrum weight weight -> spectrum")
def spectrum_times_complex_weight(z, w, v):
    return z @ jax.lax.complex(w, v)


@op("spectrum -> row", often=2)
def real(z):
    return z.real


@op("spectrum -> row")
def imaginary(z):
    return z.imag


@op("spectrum -> row")
def squared_modulus(z):
    return jnp.sqrt(1 + jnp.abs(z + 3) ** 2)


@op("spectrum -> row")
def transformed_back(z):
    return jnp.fft.ifft(z).real
