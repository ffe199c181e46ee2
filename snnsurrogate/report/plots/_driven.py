"""Figures of driven neurons: responses over time, curves of excitability, rates over a plane."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate import schema
from snnsurrogate.report._style import INK, MUTED, SOURCE, new_figure, style
from snnsurrogate.report._view import symbol, with_unit

_OTHERS = (SOURCE["surrogate"], "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b")
_MARKERS = "osD^vPX*"


def _look(k: int) -> tuple[str, str]:
    """Colour and marker of the k-th source; the first is the reference."""
    colour = INK if k == 0 else _OTHERS[(k - 1) % len(_OTHERS)]
    return colour, _MARKERS[k % len(_MARKERS)]


def response_traces(
    sources: Mapping[str, xr.Dataset],
    *,
    titles: Sequence[str] = (),
    samples: Sequence[int] | None = None,
    columns: int = 2,
    width: float = 9.2,
    height: float = 2.3,
) -> Figure:
    """Draw the observed quantity over time above the input, one panel per sample.

    Args:
        sources: driven datasets by name, the reference first, all under the same inputs.
        titles: of the panels.
        samples: which samples; default all.
        columns: panels side by side.
        width: of the figure, inches.
        height: of a panel, inches.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no dataset, or one without input.
    """
    if not sources or not all(schema.inputs_of(ds) for ds in sources.values()):
        msg = "expected driven datasets by name; got none, or one without an input"
        raise ValueError(msg)
    first = next(iter(sources.values()))
    chosen = list(range(first.sizes["sample"])) if samples is None else list(samples)
    observed, driven = schema.states_of(first)[0], schema.inputs_of(first)[0]
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    with style():
        figure = new_figure(height * rows, width=width)
        axes = figure.subplots(
            2 * rows, columns, squeeze=False, sharex="col", height_ratios=[1.0, 0.28] * rows
        )
        for ax in axes.flat:
            ax.set_visible(False)
        for k, sample in enumerate(chosen):
            row, column = 2 * (k // columns), k % columns
            upper, lower = axes[row, column], axes[row + 1, column]
            for i, ds in enumerate(sources.values()):
                time = ds["time"].values
                upper.plot(
                    time, ds[observed].values[sample], color=_look(i)[0], zorder=2 + i,
                    linewidth=1.5 if i == 0 else 1.1, linestyle="-" if i == 0 else (0, (4, 1.2)),
                )  # fmt: skip
            lower.plot(first["time"].values, first[driven].values[sample], color=MUTED, lw=1.0)
            for ax, name in ((upper, observed), (lower, driven)):
                ax.set_visible(True)
                ax.set_ylabel(with_unit(symbol(name), str(first[name].attrs.get("units", ""))))
            if k < len(titles):
                upper.set_title(titles[k])
            lower.set_xlabel(with_unit("time", str(first["time"].attrs.get("units", ""))))
            lower.tick_params(labelbottom=True)
        handles = [line for line in axes[0, 0].lines]
        figure.legend(
            handles, list(sources), loc="outside upper center", ncols=len(sources), fontsize=8.5
        )
    return figure


def excitability_curves(
    tables: Mapping[str, xr.Dataset], *, width: float = 9.2, height: float = 2.5
) -> Figure:
    """Draw what `sns.excitability` measured, several sources in one axes each.

    Panels: rate over current and its error, latency and its error, half widths, latency of the
    rebound over the amplitude that is released, steady potential and its error. Errors are those
    against the first source.

    Args:
        tables: of `sns.excitability` by name, the reference first, of one battery.
        width: of the figure, inches.
        height: of a row, inches.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no table.
    """
    if not tables or any("rate" not in table for table in tables.values()):
        msg = "expected results of excitability by name; got none, or something else"
        raise ValueError(msg)
    first = next(iter(tables.values()))
    with style():
        figure = new_figure(3 * height, width=width)
        axes = figure.subplots(3, 3)
        for k, (name, table) in enumerate(tables.items()):
            colour, marker = _look(k)
            more = {"color": colour, "marker": marker, "markersize": 3.4, "linewidth": 1.0,
                    "zorder": 2 + k, "label": name}  # fmt: skip
            for row, column, variable, axis in (
                (0, 0, "rate", "current"), (0, 1, "latency", "weak"),
                (1, 2, "rebound_latency", "release"), (0, 2, "steady", "level"),
            ):  # fmt: skip
                axes[row, column].plot(table[axis].values, table[variable].values, **more)
            if k:
                with np.errstate(invalid="ignore", divide="ignore"):
                    rates = 100 * (table["rate"].values / first["rate"].values - 1)
                axes[1, 0].plot(first["current"].values, rates, **more)
                late = table["latency"].values - first["latency"].values
                axes[1, 1].plot(first["weak"].values, late, **more)
            _bars(axes[2, 0], k, len(tables), table["half_width"].values, colour, name)
            _bars(axes[2, 1], k, len(tables), table["peak"].values, colour, name)
            _bars(axes[2, 2], k, len(tables), table["trough"].values, colour, name)
        words = ["rate (Hz)", "latency (ms)", "steady $V$ (mV)", "error of the rate (%)",
                 "error of the latency (ms)", "latency of the rebound (ms)", "half width (ms)",
                 "peak (mV)", "trough (mV)"]  # fmt: skip
        for ax, text in zip(axes.flat, words, strict=True):
            ax.set_ylabel(text)
        for ax in axes[:2].flat:
            ax.set_xlabel(with_unit("step", "uA/cm**2"))
        axes[1, 2].set_xlabel(with_unit("step before the release", "uA/cm**2"))
        for ax in axes[1, :2]:
            ax.axhline(0.0, color=INK, linewidth=0.8)
        for ax in axes[2]:
            ax.set_xticks([0, 1], ["first spike", "tonic spike"])
            ax.margins(y=0.15)
            ax.grid(visible=False, axis="x")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(len(names), 5))
    return figure


def _bars(ax: Axes, k: int, n: int, values: np.ndarray, colour: str, name: str) -> None:
    """First and tonic spike of one source, beside those of the others."""
    at = np.arange(len(values)) + 0.7 * ((k + 0.5) / n - 0.5)
    ax.plot(at, values, _look(k)[1], color=colour, markersize=5, label=name)


def ramp_rates(
    tables: Mapping[str, xr.Dataset], *, width: float = 9.2, height: float = 3.2
) -> Figure:
    """Draw the rate at every spike of a slow ramp of the input over that input, up and down.

    Args:
        tables: of `sns.current_ramps` by name, with the same ramps.
        width: of the figure, inches.
        height: inches.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no table.
    """
    if not tables or any("spike_input" not in table for table in tables.values()):
        msg = "expected results of current_ramps by name; got none, or something else"
        raise ValueError(msg)
    with style():
        figure = new_figure(height, width=width)
        axes = figure.subplots(1, len(tables), sharex=True, sharey=True, squeeze=False)[0]
        for k, (ax, (name, table)) in enumerate(zip(axes, tables.items(), strict=True)):
            colour = _look(k)[0]
            for leg, fill in (("up", colour), ("down", "white")):
                part = table.sel(leg=leg)
                ax.plot(
                    part["spike_input"].values, part["spike_rate"].values, "o", markersize=3.2,
                    markeredgecolor=colour, markerfacecolor=fill, markeredgewidth=0.7, label=leg,
                )  # fmt: skip
            for variable, side in (("begins", "up"), ("ends", "down")):
                value = float(table[variable])
                ax.axvline(value, color=MUTED, linewidth=0.8, linestyle="--")
                ax.annotate(
                    f"{value:.3g} ({side})", (value, 0.02), xycoords=("data", "axes fraction"),
                    rotation=90, fontsize=7, color=MUTED, ha="right",
                )  # fmt: skip
            ax.set_title(name, color=colour)
            ax.set_xlabel(with_unit(symbol("I"), "uA/cm**2"))
            ax.legend(fontsize=7.5)
        axes[0].set_ylabel("rate (Hz)")
    return figure


def rate_surfaces(table: xr.Dataset, *, width: float = 9.2, height: float = 3.2) -> Figure:
    """Draw rates over current and a parameter: truth, surrogate, and their difference.

    Args:
        table: ``rate`` (source, value, current) in Hz, NaN where firing does not last; coordinates
            source ("truth", "surrogate"), value (of the parameter, with ``units`` and
            ``long_name``), current, and ``trained`` (value): whether it was among the training
            values.
        width: of the figure, inches.
        height: inches.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no rates of two sources.
    """
    if "rate" not in table or {"source", "value", "current"} - set(table["rate"].dims):
        msg = "expected rate (source, value, current); got something else"
        raise ValueError(msg)
    x, y = table["current"].values, table["value"].values
    rates = [table["rate"].sel(source=s).transpose("value", "current").values
             for s in ("truth", "surrogate")]  # fmt: skip
    top = float(np.nanmax(np.stack(rates))) if np.isfinite(rates).any() else 1.0
    with style():
        figure = new_figure(height, width=width)
        axes = figure.subplots(1, 3, sharey=True)
        for ax, rate, name in zip(axes, rates, ("truth", "surrogate"), strict=False):
            image = ax.pcolormesh(x, y, rate, vmin=0, vmax=top, cmap="viridis", shading="nearest")
            ax.set_title(name, color=SOURCE[name])
        figure.colorbar(image, ax=axes[:2], pad=0.01).set_label("rate (Hz)")
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = 100.0 * (rates[1] / rates[0] - 1.0)
        most = float(np.nanmax(np.abs(apart))) if np.isfinite(apart).any() else 1.0
        image = axes[2].pcolormesh(
            x, y, apart, vmin=-most, vmax=most, cmap="RdBu_r", shading="nearest"
        )
        one = np.isfinite(rates[0]) != np.isfinite(rates[1])
        rows, columns = np.nonzero(one)
        axes[2].plot(x[columns], y[rows], "x", color=INK, markersize=4, label="one alone fires")
        if one.any():
            axes[2].legend(fontsize=7)
        axes[2].set_title("difference")
        figure.colorbar(image, ax=axes[2], pad=0.02).set_label("%")
        trained = table["trained"].values.astype(bool)
        for ax in axes:
            ax.grid(visible=False)
            ax.set_xlabel(with_unit(symbol("I"), "uA/cm**2"))
            ax.plot(
                np.full(int(trained.sum()), x.min()), y[trained], "<", color="white",
                markeredgecolor=INK, markersize=5, clip_on=False,
            )  # fmt: skip
        about = table["value"].attrs
        axes[0].set_ylabel(
            with_unit(str(about.get("long_name", "value")), str(about.get("units", "")))
        )
    return figure
