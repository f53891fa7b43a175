"""Forecasting: the next values of a series, with an interval they are likely in."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np

from recur._ops.matmul import add_bias
from recur._roll.unroll import unroll
from recur.compose.stack import Stack
from recur.data.loading import shuffled_batches
from recur.data.windows import windows
from recur.tasks.pictures import png
from recur.tasks.series import SERIES, read_numbers, read_series
from recur.tasks.settings import CELLS, Settings, option
from recur.tasks.task import Card, Shown, Task, digest_of, in_batches
from recur.types import Array, PyTree

LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True, kw_only=True)
class ForecastSettings(Settings):
    """Settings of a forecast.

    Example:
      >>> ForecastSettings().of
      'sunspots'
    """

    of: str = option("sunspots", "what is forecast", choices=tuple(SERIES))
    cell: str = option("gru", "the cell of a layer", choices=tuple(CELLS))
    hidden: int = option(32, "units a layer")
    batch: int = option(64, "windows side by side")
    learning_rate: float = option(2e-3, "at its peak", least=1e-9, most=1e3)


class ForecastParams(NamedTuple):
    """Weights of a forecast."""

    layer: PyTree
    w: Array  # [H, 3 · horizon]
    b: Array  # [3 · horizon]


class Forecast(Task[ForecastSettings]):
    """Reads a window of one series, and forecasts the mean and an 80 % interval.

    Each window is taken relative to its last season and in units of its own deviation,
    and the network starts as the naive forecast, which it has to better.

    Example:
      >>> task = Forecast(ForecastSettings(hidden=4))
      >>> task.series.shape
      (309, 1)
    """

    name = "forecast"
    card = Card(
        "a window of a series", "its next values, with an interval", "many-to-one",
        "timeseries, exchange_rate, ett; the sunspots of statsmodels", "3",
    )  # fmt: skip
    defaults = ForecastSettings(steps=2000)
    measure = "RMSE over naive"
    loss_unit = "loss"
    higher_is_better = False

    def read(self, directory: Path | None) -> None:
        """Reads a table; the last part of it is the test."""
        self.kind = SERIES[self.settings.of]
        if directory is None:
            self._read_stand_in()
        else:
            self.series = read_series(directory, self.kind)
        kind, steps = self.kind, len(self.series)
        ends = [n if n > 1 else int(steps * n) for n in kind.ends]
        needed = kind.window + kind.horizon
        last = 14400 if self.settings.of == "ett" and directory else steps
        spans = [(0, ends[0]), (ends[0], ends[1]), (ends[1], last)]
        self._windows = []
        for start, stop in spans:
            cut = self.series[max(0, start - kind.window) : stop]
            if len(cut) < needed:
                raise ValueError(
                    f"data: {len(cut)} steps are left to the parts of the series; "
                    f"expected {needed} or more. Give a longer one."
                )
            sizes = {"length": kind.window, "horizon": kind.horizon}
            self._windows.append(windows(cut, **sizes, time_major=False))
        self._scale = self.series[: ends[0]].std(0)
        where = "of statsmodels, as no data was given" if directory is None else ""
        self.source = f"{self.settings.of}, {steps:,} steps: {where or directory}"
        self.digest = digest_of(self.settings.of, self.series)

    def _read_stand_in(self) -> None:
        from statsmodels.datasets import sunspots

        if self.settings.of != "sunspots":
            raise ValueError(
                f"of: {self.settings.of} needs its data; expected --data DIR or "
                "RECUR_DATA. Without either there is --of sunspots."
            )
        table: Any = sunspots.load_pandas().data
        self.kind = self.kind._replace(window=33)  # They are by the year.
        self.series = table["SUNACTIVITY"].to_numpy(np.float32)[:, None]

    @cached_property
    def layer(self) -> Stack:
        """Stacks cells."""
        return Stack((self.settings.make_cell(),) * self.settings.layers)

    def init(self, key: Array) -> ForecastParams:
        """Draws the weights; what is read off the network is zero at first."""
        size, count = self.layer.output_size, 3 * self.kind.horizon
        b = jnp.repeat(jnp.array([0.0, -1.0, 1.0]), self.kind.horizon)
        return ForecastParams(self.layer.init(key, 2), jnp.zeros((size, count)), b)

    @cached_property
    def _order(self):
        xs, _ = self._windows[0]
        count = len(xs) * xs.shape[-1]
        size = min(self.settings.batch, count)
        return shuffled_batches(count, size=size, seed=self.settings.seed)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Takes windows ``[B, L]`` of any column, and what comes after, ``[B, H]``."""
        (xs, ys), places = self._windows[0], self._order[step]
        row, column = np.divmod(places, xs.shape[-1])
        return xs[row, :, column], ys[row, :, column]

    def naive(self, xs: Array) -> Array:
        """Repeats the last season: ``[B, L]`` gives ``[B, H]``."""
        season, horizon = self.kind.season, self.kind.horizon
        places = -season + np.arange(horizon) % season
        return xs[:, places]

    def forecast(self, params: ForecastParams, xs: Array) -> tuple[Array, Array, Array]:
        """Gives the mean and both ends of the interval, each ``[B, H]``."""
        last, scale = xs[:, -1:], _deviation(xs)
        moves = jnp.diff(xs, axis=1, prepend=xs[:, :1])
        inputs = jnp.stack([(xs - last) / scale, moves / scale], axis=-1)
        _, ys = unroll(self.layer, params.layer, None, inputs.swapaxes(0, 1))
        out = add_bias(ys[-1] @ params.w, params.b)
        mean, low, high = jnp.split(out, 3, axis=-1)
        # Both ends around the mean, whose own cotangent they leave alone.
        start, free = self.naive(xs), jax.lax.stop_gradient(mean)
        moved = mean, free + low, free + high
        mean, low, high = (start + scale * a for a in moved)
        return mean, low, high

    def loss(
        self, params: ForecastParams, carry: PyTree, batch: PyTree, key: Array
    ) -> tuple[Array, PyTree]:
        """Squared error of the mean, and pinball losses of the ends."""
        xs, ys = batch
        errors = ((a - ys) / _deviation(xs) for a in self.forecast(params, xs))
        mean, low, high = errors
        pinball = [jnp.maximum((q - 1) * -e, q * -e) for q, e in
                   ((LOW, low), (HIGH, high))]  # fmt: skip
        return (mean**2 + 0.5 * pinball[0] + 0.5 * pinball[1]).mean(), None

    @cached_property
    def _forecast(self):
        return jax.jit(lambda params, xs: jnp.stack(self.forecast(params, xs), 1))

    def forecasts(self, params: ForecastParams, part: int) -> np.ndarray:
        """Forecasts all windows of a part: ``[N, 3, H, C]``."""
        xs, _ = self._windows[part]
        columns = [
            in_batches(self._forecast, params, xs[..., c], size=256)
            for c in range(xs.shape[-1])
        ]
        return np.stack(columns, axis=-1)

    def _widened(self, params: ForecastParams, part: int) -> np.ndarray:
        """Forecasts a part, the interval set right by what the validation missed.

        Of the validation, 80 % lie inside after that; so they do of the test as far as
        it is like it (conformalized quantile regression, Romano et al., 2019).
        """
        found, xs = self.forecasts(params, part), self._windows[part][0]
        margin = self._margin(params) * _deviation(xs)[:, :, None]
        found[:, 1:2] -= margin
        found[:, 2:] += margin
        return found

    def _margin(self, params: ForecastParams) -> float:
        """How far the interval is missed by, in deviations, four times of five."""
        (xs, ys), found = self._windows[1], self.forecasts(params, 1)
        missed = np.maximum(found[:, 1] - ys, ys - found[:, 2]) / _deviation(xs)
        return float(np.quantile(missed, HIGH - LOW))

    def _naive(self, part: int) -> np.ndarray:
        xs, _ = self._windows[part]
        return np.stack([self.naive(xs[..., c]) for c in range(xs.shape[-1])], -1)

    def evaluate(self, params: ForecastParams) -> float:
        """Root mean squared error over that of the naive forecast."""
        return self._over_naive(self.forecasts(params, 1)[:, 0], 1)

    def _over_naive(self, found: np.ndarray, part: int) -> float:
        ys = self._windows[part][1]
        error = [
            np.mean(((a - ys) / self._scale) ** 2) for a in (found, self._naive(part))
        ]
        return float(np.sqrt(error[0] / error[1]))

    def baselines(self) -> dict[str, float]:
        """The naive forecast itself."""
        return {"naive": 1.0}

    def figures(self, params: ForecastParams) -> dict[str, float]:
        """Errors on the test in several measures, and the coverage of the interval."""
        ys, found = self._windows[2][1], self._widened(params, 2)
        told = {"test RMSE over naive": self._over_naive(found[:, 0], 2)}
        for name, a in {"test": found[:, 0], "naive": self._naive(2)}.items():
            error = a - ys
            told[f"{name} RMSE"] = float(np.sqrt(np.mean(error**2)))
            told[f"{name} MSE of scaled values"] = float(
                np.mean((error / self._scale) ** 2)
            )
            if self.settings.of == "exchange":
                for h in (3, 6, 12, 24):
                    spread = ys[:, h - 1] - ys[:, h - 1].mean()
                    rse = np.sum(error[:, h - 1] ** 2) / np.sum(spread**2)
                    told[f"{name} RSE at {h}"] = float(np.sqrt(rse))
        inside = (found[:, 1] <= ys) & (ys <= found[:, 2])
        told["% inside the 80 % interval"] = 100 * float(inside.mean())
        return told

    def show(self, params: ForecastParams) -> Shown:
        """Draws forecasts beside the truth and the naive forecast."""
        (xs, ys), found = self._windows[2], self._widened(params, 2)
        naive, horizon = self._naive(2), self.kind.horizon
        figure = matplotlib.figure.Figure(figsize=(9, 6), layout="constrained")
        if horizon == 1:  # One step at a time, in a row.
            rows = [(np.s_[-120:, 0, -1], figure.subplots())]
        else:
            places = np.linspace(0, len(ys) - 1, 4).astype(int)
            panels = figure.subplots(2, 2).ravel()
            rows = [(np.s_[n, :, -1], a) for n, a in zip(places, panels, strict=True)]
        for place, axes in rows:
            mean, low, high = np.moveaxis(found, 1, 0)
            truth, steps = ys[place], np.arange(len(ys[place]))
            axes.fill_between(steps, low[place], high[place], alpha=0.25,
                              label="80 % interval")  # fmt: skip
            axes.plot(steps, truth, color="black", label="truth")
            axes.plot(steps, naive[place], color="gray", linestyle=":", label="naive")
            axes.plot(steps, mean[place], color="C0", label="forecast")
            if horizon > 1:
                before = xs[place[0], -2 * horizon :, -1]
                axes.plot(np.arange(-len(before), 0), before, color="black")
            axes.set(xlabel="steps")
        handles, labels = rows[0][1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        ahead = "one step" if horizon == 1 else f"{horizon} steps"
        figure.suptitle(f"{self.settings.of}: the test, {ahead} ahead")
        return Shown(pictures={"forecast": png(figure)})

    def say(self, params: ForecastParams, text: str) -> str:
        """Forecasts a series from a file, a value a line or the last column."""
        values = read_numbers(Path(text), "say", np.s_[-1:])[:, 0]
        if len(values) < self.kind.window:
            raise ValueError(
                f"say: '{text}' has {len(values)} values; expected {self.kind.window} "
                "or more. Give a longer series."
            )
        xs = values[None, -self.kind.window :]
        (found,) = np.array(self._forecast(params, xs))
        margin = float(self._margin(params) * _deviation(xs)[0, 0])
        found[1:] += np.array([[-margin], [margin]])
        lines = ["step      forecast    80 % interval"]
        for n, (mean, low, high) in enumerate(found.T, 1):
            lines.append(f"{n:4d}  {mean:12.4g}    {low:.4g} to {high:.4g}")
        return "\n".join(lines)


def _deviation(xs: Any) -> Any:
    """Gives the deviation of each window ``[B, L, ...]``, never quite zero."""
    return xs.std(1, keepdims=True) + 1e-3 * abs(xs[:, -1:]) + 1e-6


__all__ = ["Forecast", "ForecastSettings"]
