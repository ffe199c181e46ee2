"""Maps over pairs of parameters, the others drawn at random: how likely is which regime."""

import numpy as np
from matplotlib.figure import Figure

from snnsurrogate.report._style import new_figure
from snnsurrogate.report._view import View, pretty_unit
from snnsurrogate.report.figures._panel import Panel

_MOST = 6  # pairs drawn
_LEAST = 0.005  # of all points: a regime below gets no row


def _pairs(view: View) -> list[tuple[int, list[str]]]:
    """Position and names of the pairs that hold the first swept parameter, or the first pairs."""
    every = [str(pair).split() for pair in view.ds["atlas_pair"].values]
    first = view.swept[0] if view.swept else ""
    chosen = [(k, pair) for k, pair in enumerate(every) if first in pair] or list(enumerate(every))
    return chosen[:_MOST]


def _rows(view: View) -> list[tuple[str, np.ndarray, str, tuple[float, float] | None]]:
    """What is drawn: words, (pair, x, y), colours, and their ends."""
    share = view.ds["atlas_share"]
    rows: list[tuple[str, np.ndarray, str, tuple[float, float] | None]] = []
    for name in share["atlas_label"].values:
        values = share.sel(atlas_label=name).values
        if np.nanmean(values) > _LEAST:
            rows.append((f"share {name}", values, "magma", (0.0, 1.0)))
    for name, words in (("atlas_chi", "mean chi"), ("atlas_rate_E", "mean E rate")):
        if view.has(name):
            unit = pretty_unit(str(view.ds[name].attrs.get("units", "")))
            rows.append(
                (f"{words} ({unit})" if unit else words, view.ds[name].values, "viridis", None)
            )
    return rows


def draw(view: View) -> Figure:
    """Draw one column per pair, one row per regime, then chi and rate."""
    pairs, rows = _pairs(view), _rows(view)
    edges = view.ds["atlas_edges"].values
    figure = new_figure(0.5 + 1.35 * len(rows))
    axes = figure.subplots(len(rows), len(pairs), sharex="col", sharey="col", squeeze=False)
    for row, (words, values, colours, ends) in enumerate(rows):
        low, high = ends or (float(np.nanmin(values)), float(np.nanmax(values)))
        for column, (k, names) in enumerate(pairs):
            ax = axes[row, column]
            image = ax.pcolormesh(*edges[k], values[k].T, vmin=low, vmax=high, cmap=colours)
            ax.grid(visible=False)
            if row == 0:
                ax.set_title(view.axis_label(names[1]), fontsize=8.5, fontweight="normal")
            if row == len(rows) - 1:
                ax.set_xlabel(view.axis_label(names[0]))
            ax.tick_params(labelsize=7)
        bar = figure.colorbar(image, ax=axes[row], pad=0.01, aspect=10)
        bar.set_label(words, fontsize=7.5)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    points = int(view.ds.attrs.get("points", 0))
    return (
        f"Each map is over the parameter below and the one named on top of its column, all others "
        f"drawn from the box ({points} points)."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.has("atlas_share", "atlas_edges") else "an atlas of the box"


PANEL = Panel(
    name="atlas",
    title="Atlas of the box",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
