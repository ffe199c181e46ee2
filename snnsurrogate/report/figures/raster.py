"""Rasters of example samples with the population rates under them, truth over surrogate."""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate.report._style import MUTED, POPULATION, SOURCE, WARN, new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel

_MOST_CELLS = 400  # of all populations: more would be a grey wall
_WINDOW = 300.0  # ms of the stored stretch, less where cells fire fast
_MOST_SPIKES = 30  # per cell and picture
_HEIGHTS = {"cells": 2.1, "rates": 0.95, "field": 0.75}


def sources_shown(view: View) -> list[str]:
    """Truth and what is compared with it."""
    return [s for s in ("truth", "surrogate") if s in view.sources]


def title_of(view: View, source: str, row: int, ax: Axes) -> None:
    """Write the name of the example and its label, red where it differs from the truth's."""
    sample = view.examples[row]
    label = view.label(source, sample)
    differs = source != "truth" and label != view.label("truth", sample)
    name = view.sample_name(sample)
    if name != label:  # the second line is the label's
        ax.set_title(f"{name}\n", fontsize=8.5, fontweight="normal")
    ax.annotate(
        label,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(0, 3),
        textcoords="offset points",
        va="bottom",
        fontsize=8.5,
        fontweight="bold" if differs else "normal",
        color=WARN if differs else MUTED,
    )


def _sizes(view: View) -> list[int]:
    """Cells drawn of every population: all, or a share of each."""
    names = view.attr("populations", {})
    every = [int(view.ds[names[p]].values.max()) for p in view.populations]
    share = min(1.0, _MOST_CELLS / sum(every))
    return [max(1, round(share * n)) for n in every]


def _dots(view: View, source: str, row: int, ax: Axes) -> None:
    ds = view.ds
    sizes = _sizes(view)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    mine = np.zeros(ds.sizes.get("raster", 0), dtype=bool)
    if mine.size:
        mine = (ds["raster_source"].values == view.sources.index(source)) & (
            ds["raster_example"].values == row
        )
    for k in range(len(sizes)):
        inside = mine & (ds["raster_population"].values == k) if mine.any() else mine
        cell = ds["raster_cell"].values[inside] if inside.any() else np.empty(0)
        kept = cell < sizes[k]
        time = ds["raster_time"].values[inside][kept] if inside.any() else np.empty(0)
        ax.plot(
            time,
            cell[kept] + offsets[k],
            linestyle="none",
            marker="o",
            markersize=0.9,
            markeredgewidth=0,
            color=POPULATION[k % len(POPULATION)],
            rasterized=True,
        )
    ax.set_ylim(-0.02 * offsets[-1], 1.02 * offsets[-1])
    ax.set_yticks([0.5 * (a + b) for a, b in zip(offsets, offsets[1:], strict=False)])
    ax.set_yticklabels(view.populations)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False)
    for edge in offsets[1:-1]:
        ax.axhline(edge, color="#d4d8de", linewidth=0.6)


def _has_cells(view: View, source: str) -> bool:
    if "raster_source" not in view.ds:
        return False
    return bool(np.any(view.ds["raster_source"].values == view.sources.index(source)))


def _rates(view: View, source: str, column: int, ax: Axes) -> None:
    for k, p in enumerate(view.populations):
        ax.plot(
            view.ds["shown_time"].values,
            view.of(f"activity_{p}", source)[column],
            color=POPULATION[k % len(POPULATION)],
            linewidth=0.9,
            label=p,
        )


def _field(view: View, source: str, column: int, ax: Axes) -> None:
    ax.plot(
        view.ds["field_time"].values,
        view.of("field", source)[column],
        color=SOURCE[source],
        linewidth=0.9,
    )


def _window(view: View, column: int, longest: float) -> float:
    """Length shown of an example, in the unit of time: so many spikes per cell at most."""
    in_ms = str(view.ds["shown_time"].attrs["units"]) == "ms"
    rates = [np.nanmean(view.of(f"activity_{p}", "truth")[column]) for p in view.populations]
    fastest = float(np.nanmax([*rates, 1.0]))
    window = float(np.clip(1000.0 * _MOST_SPIKES / fastest, 50.0, _WINDOW))
    return min(window if in_ms else window / 1000.0, longest)


def draw(view: View) -> Figure:
    """Draw one column per example: raster (where cells are known), rates, LFP (where known)."""
    rows: list[tuple[str, str]] = []
    for source in sources_shown(view):
        rows += [(source, "cells")] if _has_cells(view, source) else []
        rows.append((source, "rates"))
        rows += [(source, "field")] if view.has("field") else []
    heights = [_HEIGHTS[what] for _, what in rows]
    figure = new_figure(0.9 + sum(heights))
    axes = figure.subplots(
        len(rows),
        len(view.examples),
        sharex="col",
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    time = view.ds["shown_time"].values
    highest = max(float(np.nanmax(view.ds[f"activity_{p}"].values)) for p in view.populations)
    top = float(np.nanmax(view.ds["field"].values)) if view.has("field") else 1.0
    for (r, (source, what)), column in itertools.product(
        enumerate(rows), range(len(view.examples))
    ):
        ax = axes[r, column]
        if what == "cells":
            _dots(view, source, column, ax)
        elif what == "field":
            _field(view, source, column, ax)
            ax.set_ylim(0, 1.05 * top)
            if not column:
                ax.set_ylabel(with_unit("LFP", str(view.ds["field"].attrs["units"])))
        else:
            _rates(view, source, column, ax)
            ax.set_ylim(0, 1.05 * highest)
            if not column:
                ax.set_ylabel("rate (Hz)")
        if r == 0 or rows[r - 1][0] != source:
            title_of(view, source, column, ax)
            if not column:
                words = "" if what == "cells" else "\nrate (Hz)"
                ax.set_ylabel(view.name_of(source) + words, color=SOURCE[source])
        if column:
            ax.set_yticklabels([])
    for column, ax in enumerate(axes[-1]):
        ax.set_xlabel(with_unit("time", str(view.ds["shown_time"].attrs["units"])))
        ax.set_xlim(0, _window(view, column, float(time[-1])))
    first = next(ax for ax, (_, what) in zip(axes[:, 0], rows, strict=True) if what == "rates")
    first.legend(loc="upper right", ncols=len(view.populations), handlelength=1.0)
    return figure


def caption(view: View) -> str:
    """Say what is drawn."""
    width = view.ds[f"activity_{view.populations[0]}"].attrs["long_name"].split("bins of ")[-1]
    dots = "Every dot is a spike; the" if "raster_source" in view.ds else "The"
    field = ""
    if view.has("field"):
        field = " LFP: the mean synaptic drive of the E cells, of truth and prediction alike."
    return (
        f"{dots} curves are population rates in bins of {width}.{field} Two runs of a stochastic "
        "network agree in kind, never spike by spike."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    names = [f"activity_{p}" for p in view.populations]
    return "" if view.examples and names and view.has(*names) else "example stretches of activity"


PANEL = Panel(name="raster", title="Rasters and rates", caption=caption, missing=missing, draw=draw)
