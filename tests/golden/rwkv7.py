"""The first time mixing of an RWKV-7 in NumPy, from the paper, by its makers' names.

It is in no library that tests could ask. Analytic, so that a tiny imaginary part gives
its derivatives.
"""

import numpy as np


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def draw(heads, of_head, ranks, seed):
    """Weights by name, in the makers' layout; ``ranks`` are of w, a and g."""
    normal, size = np.random.default_rng(seed).normal, heads * of_head
    shapes = {f"x_{name}": (1, 1, size) for name in "rwkvag"}
    shapes |= dict.fromkeys(("w0", "a0", "k_k", "k_a"), (1, 1, size))
    for name, rank in zip("wag", ranks, strict=True):
        shapes |= {f"{name}1": (size, rank), f"{name}2": (rank, size)}
    for name in ("receptance", "key", "value", "output"):
        shapes[f"{name}.weight"] = (size, size)
    shapes |= {"r_k": (heads, of_head)} | dict.fromkeys(
        ("ln_x.weight", "ln_x.bias"), (size,)
    )
    return {name: 0.5 * normal(size=shape) for name, shape in shapes.items()}


def time_mixing(weights, xs):
    """Outputs ``[T, H]`` of inputs ``[T, H]`` from the beginning of a text."""
    heads, of_head = weights["r_k"].shape
    p = {n: w.reshape(-1) if w.ndim == 3 else w for n, w in weights.items()}
    state, before, ys = np.zeros((heads, of_head, of_head)), 0 * xs[0], []
    for x in xs:
        of = {n: x + p[f"x_{n}"] * (before - x) for n in "rwkvag"}
        r, k, v = (p[f"{n}.weight"] @ of[n[0]] for n in ("receptance", "key", "value"))
        rate = np.tanh(of["w"] @ p["w1"]) @ p["w2"] + p["w0"]
        decay = np.exp(-np.exp(-0.5) * sigmoid(rate))
        a = sigmoid(of["a"] @ p["a1"] @ p["a2"] + p["a0"])
        g = sigmoid(of["g"] @ p["g1"]) @ p["g2"]
        look, k = k * p["k_k"], k + k * (a - 1) * p["k_a"]
        each = [u.reshape(heads, of_head) for u in (r, k, v, decay, a, look)]
        outs = [head(*(u[n] for u in (state, *each, p["r_k"]))) for n in range(heads)]
        state = np.stack([s for s, *_ in outs])
        normal, bonus = (np.concatenate([o[n] for o in outs]) for n in (1, 2))
        y = normal * p["ln_x.weight"] + p["ln_x.bias"] + bonus
        ys.append(p["output.weight"] @ (y * g))
        before = x
    return np.stack(ys)


def head(state, r, k, v, decay, a, look, r_k):
    """One head: values are rows of the state, keys its columns."""
    look = look / np.sqrt(np.sum(look * look))
    state = state * decay - np.outer(state @ look, look * a) + np.outer(v, k)
    y = state @ r
    y = y - np.mean(y)
    return state, y / np.sqrt(np.mean(y * y) + 64e-5), np.sum(r * k * r_k) * v
