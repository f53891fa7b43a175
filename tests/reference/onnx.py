"""ONNX's recurrent operators in their own layout, as the standard writes them.

`clip` bounds what goes into f and g, not the cell: so does onnxruntime. Past the end of
a row outputs are zero and the state stays; a row of length 0 keeps its initial state.
"""

import numpy as np


def where(condition, a, b):
    return np.where(condition(np.real(a)), a, b)


FUNCTIONS = {
    "Relu": lambda x, a, b: where(lambda r: r > 0, x, 0),
    "Tanh": lambda x, a, b: np.tanh(x),
    "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "Affine": lambda x, a, b: a * x + b,
    "LeakyRelu": lambda x, a, b: where(lambda r: r >= 0, x, a * x),
    "ThresholdedRelu": lambda x, a, b: where(lambda r: r >= a, x, 0),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "HardSigmoid": lambda x, a, b: bound(a * x + b, 0, 1),
    "Elu": lambda x, a, b: where(lambda r: r >= 0, x, a * (np.exp(x) - 1)),
    "Softsign": lambda x, a, b: x / (1 + where(lambda r: r >= 0, x, -x)),
    "Softplus": lambda x, a, b: np.log(1 + np.exp(x)),
}


def bound(x, low, high):
    """Clips by the real part; outside, the derivative is zero."""
    outside = (np.real(x) < low) | (np.real(x) > high)
    return np.where(outside, np.clip(np.real(x), low, high), x)


def roll(step, xs, lengths, states, *, reverse):
    """``xs [T, B, I]``; the states of a row move only within its length."""
    states = [np.array(s, np.result_type(s, xs)) for s in states]
    ys = np.zeros((*xs.shape[:2], states[0].shape[-1]), states[0].dtype)
    order = range(len(xs))
    for t in reversed(order) if reverse else order:
        valid = t < lengths
        new = step(xs[t], *states)
        states = [
            np.where(valid[:, None], a, b) for a, b in zip(new, states, strict=True)
        ]
        ys[t][valid] = new[0][valid]
    return ys, states


def one_way(kind, w, r, b, p, f, clip, *, coupled=False, linear_before_reset=False):
    """The step of one direction; ``f`` are functions of one argument."""
    b = np.zeros(2 * len(w)) if b is None else b
    wb, rb = np.split(b, 2)
    cut = lambda a: a if clip is None else bound(a, -clip, clip)

    def rnn(x, h):
        return (f[0](cut(x @ w.T + h @ r.T + wb + rb)),)

    def gru(x, h):
        x_z, x_r, x_h = np.split(x @ w.T + wb, 3, axis=-1)
        r_z, r_r, r_h = np.split(r, 3)
        b_z, b_r, b_h = np.split(rb, 3)
        z = f[0](cut(x_z + h @ r_z.T + b_z))
        reset = f[0](cut(x_r + h @ r_r.T + b_r))
        if linear_before_reset:
            n = f[1](cut(x_h + reset * (h @ r_h.T + b_h)))
        else:
            n = f[1](cut(x_h + (reset * h) @ r_h.T + b_h))
        return ((1 - z) * n + z * h,)

    def lstm(x, h, c):
        net = x @ w.T + h @ r.T + wb + rb
        i, o, forget, g = np.split(net, 4, axis=-1)
        p_i, p_o, p_f = (0, 0, 0) if p is None else np.split(p, 3)
        i = f[0](cut(i + p_i * c))
        forget = 1 - i if coupled else f[0](cut(forget + p_f * c))
        c = forget * c + i * f[1](cut(g))
        return f[0](cut(o + p_o * c)) * f[2](c), c

    return {"RNN": rnn, "GRU": gru, "LSTM": lstm}[kind]


def operator(kind, xs, ways, states, lengths, *, reverse=False, **facts):
    """All directions: ``ways`` are pairs of weights ``(w, r, b, p)`` and functions.

    Returns ``Y [T, D, B, H]`` and the final states, each ``[D, B, H]``.
    """
    outputs = []
    for n, (weights, f) in enumerate(ways):
        step = one_way(kind, *weights, f, **facts)
        back = reverse or n == 1
        first = [state[n] for state in states]
        outputs.append(roll(step, xs, lengths, first, reverse=back))
    ys = np.stack([y for y, _ in outputs], axis=1)
    return ys, [np.stack(s) for s in zip(*(last for _, last in outputs), strict=True)]
