"""Ba, Kiros and Hinton (2016), supplementary material: recurrent layers with norms."""

import numpy as np


def sigma(a):
    return 1 / (1 + np.exp(-a))


def norm(z, alpha, beta=0.0, eps=1e-5):
    """LN(z; α, β); complex numbers pass through, so no absolute values."""
    mu = z.mean(-1, keepdims=True)
    variance = ((z - mu) ** 2).mean(-1, keepdims=True)
    return (z - mu) / np.sqrt(variance + eps) * alpha + beta


def layer_norm_lstm(w_h, w_x, b, alpha_h, alpha_x, alpha_c, beta_c, h, c, xs):
    """Weights act from the left, [4H, ...], gates stacked as f, i, o, g."""
    outputs = []
    for x in xs:
        fused = norm(h @ w_h.T, alpha_h) + norm(x @ w_x.T, alpha_x) + b
        f, i, o, g = np.split(fused, 4, axis=-1)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(norm(c, alpha_c, beta_c))
        outputs.append(h)
    return (h, c), np.stack(outputs)


def layer_norm_gru(w_h, w_x, w, u, alpha, beta, h, xs):
    """``w_h`` and ``w_x`` for z, r; ``w`` and ``u`` for the candidate; z writes it.

    ``alpha`` and ``beta`` are those of the four norms, in the order of the paper: of
    h and x in the gates, of x and h in the candidate.
    """
    outputs = []
    for x in xs:
        gates = norm(h @ w_h.T, alpha[0], beta[0]) + norm(x @ w_x.T, alpha[1], beta[1])
        z, r = np.split(sigma(gates), 2, axis=-1)
        from_h = norm(h @ u.T, alpha[3], beta[3])
        h_new = np.tanh(norm(x @ w.T, alpha[2], beta[2]) + r * from_h)
        h = (1 - z) * h + z * h_new
        outputs.append(h)
    return h, np.stack(outputs)
