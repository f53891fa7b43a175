"""A diagnosis as one picture."""

from typing import TYPE_CHECKING, Any

import numpy as np

from recur import _checks as checks
from recur._distribution import install
from recur.diagnostics.diagnosis import Diagnosis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_diagnosis(diagnosis: Diagnosis, *, title: str = "") -> "Figure":
    """Draws a diagnosis: gradients by step and by lag, Jacobians, exponents, gates.

    Lines are medians over the batch and bands its range; for one network before and
    after training, or with and without a cure, draw two.

    Args:
      diagnosis: What :func:`diagnose` gave.
      title: Above the picture.

    Returns:
      A figure of matplotlib, which belongs to no window: ``figure.savefig(path)``, or
      the last line of a notebook's cell. Panels of gates are there if there are any.

    Raises:
      TypeError: If ``diagnosis`` is something else.
      ImportError: If matplotlib is not installed.

    Example:
      >>> from recur.diagnostics import diagnose
      >>> cell = GRU(6)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> every = lambda ys: jnp.sum(ys**2, axis=-1)
      >>> found = diagnose(cell, every, params, cell.init_carry(), jnp.ones((20, 3)))
      >>> len(plot_diagnosis(found, title="GRU, untrained").axes)
      6
    """
    checks.check_type("plot_diagnosis", "diagnosis", diagnosis, Diagnosis, "diagnose")
    panels = [_by_step, _by_lag, _singular_values, _exponents]
    panels += [_gates, _memory] if diagnosis.gates else []
    wide = len(panels) // 2
    figure = _figure()(figsize=(4.6 * wide, 7.4), layout="constrained")
    grid: Any = figure.subplots(2, wide)
    for axes, draw in zip(np.ravel(grid), panels, strict=True):
        draw(axes, diagnosis)
        axes.grid(alpha=0.25)
        _plain_ticks(axes)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return figure


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "plot_diagnosis: matplotlib is not installed. Install it with "
            f"{install('train')}."
        ) from None
    return Figure


def _by_step(axes: "Axes", found: Diagnosis) -> None:
    axes.set_yscale("log")
    norms = np.asarray(found.gradient_norms)
    _band(axes, np.arange(len(norms)), norms, "C0")
    axes.set(title="Gradient by step", xlabel="step", ylabel="norm")


def _by_lag(axes: "Axes", found: Diagnosis) -> None:
    axes.set_yscale("log")
    norms = np.asarray(found.lag_norms)
    for n, t in enumerate(np.asarray(found.at)):
        lags = np.arange(norms.shape[1])
        _band(axes, lags, norms[n], f"C{n % 10}", label=f"loss of step {t}")
    axes.set(title="Gradient by lag", xlabel="steps back", ylabel="norm")
    axes.legend(frameon=False)


def _singular_values(axes: "Axes", found: Diagnosis) -> None:
    axes.set_yscale("log")
    values = np.asarray(found.singular_values)
    for n, t in enumerate(np.asarray(found.seen)):
        ranks = np.arange(1, values.shape[-1] + 1)
        columns = np.moveaxis(values[n], -1, 0)
        _band(axes, ranks, columns, f"C{n % 10}", label=f"step {t}", marker=".")
    axes.axhline(1, color="0.5", linewidth=1, linestyle="--")
    axes.set(title="Jacobian of one step", xlabel="rank", ylabel="singular value")
    axes.legend(frameon=False)


def _exponents(axes: "Axes", found: Diagnosis) -> None:
    growths = np.asarray(found.log_growths)
    steps = np.arange(1, len(growths) + 1)
    # From the first step on, as an estimate that settles.
    valid = np.isfinite(growths)
    totals = np.cumsum(np.where(valid, growths, 0), axis=0)
    running = totals / np.maximum(np.cumsum(valid, axis=0), 1)
    for n in range(growths.shape[-1]):
        _band(axes, steps, running[..., n], f"C{n % 10}", label=f"$\\lambda_{n + 1}$")
    axes.axhline(0, color="0.5", linewidth=1, linestyle="--")
    axes.set(title="Lyapunov exponents", xlabel="steps", ylabel="nats per step, so far")
    axes.legend(frameon=False)


def _gates(axes: "Axes", found: Diagnosis) -> None:
    labels, gates = zip(*_layers(found.gates), strict=True)
    places, left = np.arange(len(gates))[::-1], np.zeros(len(gates))
    shut, wide = (np.array([np.mean(g[n]) for g in gates]) for n in (0, 1))
    parts = {
        "shut": (shut, "0.25"),
        "between": (1 - shut - wide, "C0"),
        "open": (wide, "C1"),
    }
    for name, (share, color) in parts.items():
        axes.barh(places, share, left=left, color=color, height=0.6, label=name)
        left = left + share
    axes.set_yticks(places, labels)
    axes.set(title="Gates", xlabel="share of steps, all units", xlim=(0, 1))
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.98))
    axes.set_title("Gates", pad=24)


def _memory(axes: "Axes", found: Diagnosis) -> None:
    for n, (label, tau) in enumerate(_layers(found.memory)):
        tau = np.sort(np.asarray(tau))[::-1]
        units = np.arange(1, len(tau) + 1)
        axes.plot(units, tau, ".-", color=f"C{n % 10}", label=label)
    steps = len(found.gradient_norms)
    axes.axhline(steps, color="0.5", linewidth=1, linestyle="--")
    axes.set(title="Effective memory", xlabel="unit, sorted", ylabel="steps")
    axes.annotate("length", (1, steps), color="0.4", va="bottom")
    axes.set_yscale("log")
    if found.memory:
        axes.legend(frameon=False)


def _layers(named: dict[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """Each gate of each layer; those of one name are counted from the bottom up."""

    # Not by layer: the third of a stack may be the first that has such a gate.
    def label(name: str, n: int, count: int) -> str:
        return name.replace("_", " ") + (f" {n + 1} of {count}" if count > 1 else "")

    return [
        (label(name, n, len(found)), values)
        for name, found in named.items()
        for n, values in enumerate(found)
    ]


def _band(
    axes: "Axes", x: np.ndarray, rows: np.ndarray, color: str, **how: Any
) -> None:
    """A line through the medians of ``[len(x), *batch]``, in the band of its range."""
    # Steps that are not valid have zeros, which a logarithmic axis cannot show, or NaN.
    hidden = ~np.isfinite(rows) | ((rows == 0) & (axes.get_yscale() == "log"))
    rows = np.ma.masked_array(rows, hidden).reshape(len(x), -1)
    axes.plot(x, np.ma.median(rows, axis=-1), color=color, **how)
    if rows.shape[-1] > 1:
        low, high = rows.min(axis=-1), rows.max(axis=-1)
        axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)


def _plain_ticks(axes: "Axes") -> None:
    """Writes 0.2 and 0.5 between the decades of an axis that has hardly one."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log" and high < 300 * low:
        from matplotlib.ticker import LogLocator

        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")


__all__ = ["plot_diagnosis"]
