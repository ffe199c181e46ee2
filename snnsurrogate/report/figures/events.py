"""Distributions of multiple-firing events: size, duration, interval, by every detector."""

import json

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate.report._style import SOURCE, new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel

_COLUMNS = {"size": "spikes per event", "duration": "duration", "interval": "onset to onset"}
_OTHERS = {"cause": ("#009e73", (0, (4, 1.5))), "volley": ("#0072b2", (0, (1, 1)))}
_BINS = 45
_MOST = 3


def _values(view: View, name: str, source: str, row: int, detector: str) -> np.ndarray:
    ds = view.ds
    names = list(_detectors(view))
    mine = (
        (ds["each_event_source"].values == view.sources.index(source))
        & (ds["each_event_example"].values == row)
        & (ds["each_event_detector"].values == names.index(detector))
    )
    values = ds[f"each_event_{name}"].values[mine]
    return values[np.isfinite(values)]


def _detectors(view: View) -> list[str]:
    return list(json.loads(view.ds["each_event_detector"].attrs["detectors"]))


def _histogram(view: View, ax: Axes, name: str, row: int) -> None:
    main = {s: _values(view, name, s, row, "crossing") for s in view.sources}
    others = {
        d: found
        for d in _OTHERS
        if d in _detectors(view) and (found := _values(view, name, "truth", row, d)).size
    }
    every = np.concatenate([*main.values(), *others.values(), np.empty(0)])
    if not every.size:
        ax.text(0.5, 0.5, "no events", transform=ax.transAxes, ha="center", color="#6b7380")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        return
    edges = _edges(every, main["truth"])
    # none of a source's values may lie on the axis: there is no density to draw then
    main = {s: v[v <= edges[-1]] for s, v in main.items()}
    others = {d: v[v <= edges[-1]] for d, v in others.items()}

    def steps(values: np.ndarray, colour: str, width: float, label: str = "") -> None:
        ax.hist(
            values, bins=edges, density=True, color=colour, histtype="step", lw=width, label=label
        )

    if main["truth"].size:
        ax.hist(main["truth"], bins=edges, density=True, color="#d5d9df", label="truth")
        steps(main["truth"], SOURCE["truth"], 1.0)
    for source in ("twin", "surrogate"):
        if source in main and main[source].size:
            label = view.name_of(source) + (" (floor)" if source == "twin" else "")
            steps(main[source], SOURCE[source], 1.2, label)
    for detector, found in ((d, v) for d, v in others.items() if v.size):
        colour, line = _OTHERS[detector]
        density, _ = np.histogram(found, bins=edges, density=True)
        middle = 0.5 * (np.array(edges[1:]) + np.array(edges[:-1]))
        label = f"truth, detector {detector}"
        ax.plot(middle, density, color=colour, linestyle=line, linewidth=1.2, label=label)
    ax.set_xlim(0, edges[-1])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False, axis="y")


def _edges(values: np.ndarray, gridded: np.ndarray) -> list[float]:
    """Bin edges up to the 99th percentile; values on a grid stand in the middle of the bins."""
    top = float(np.percentile(values, 99.0)) or 1.0
    distinct = np.unique(np.round(gridded, 3))
    grid = float(np.min(np.diff(distinct))) if distinct.size > 1 else 0.0
    if grid * _BINS < 0.02 * top:
        return np.linspace(0.0, top, _BINS + 1).tolist()
    width = grid * max(1, round(top / _BINS / grid))
    return np.arange(-0.5 * width, top + width, width).tolist()


def draw(view: View) -> Figure:
    """Draw one row per example, one column per statistic."""
    rows = _shown(view)
    figure = new_figure(0.7 + 1.6 * len(rows))
    axes = figure.subplots(len(rows), len(_COLUMNS), squeeze=False)
    labels: dict[str, object] = {}
    for line, row in enumerate(rows):
        for column, (name, words) in enumerate(_COLUMNS.items()):
            ax = axes[line, column]
            _histogram(view, ax, name, row)
            labels |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
            if line == len(rows) - 1:
                unit = str(view.ds[f"each_event_{name}"].attrs.get("units", ""))
                ax.set_xlabel(with_unit(words, unit))
        sample = view.examples[row]
        axes[line, 0].set_title(view.sample_name(sample), fontsize=9)
        rate = len(_values(view, "size", "truth", row, "crossing"))
        axes[line, 1].set_title(f"{rate} events in the truth", fontsize=8.5, fontweight="normal")
        axes[line, 0].set_ylabel("density")
    figure.legend(list(labels.values()), list(labels), loc="outside upper left", ncols=3)  # type: ignore[call-overload]
    return figure


def _shown(view: View) -> list[int]:
    """Rows of the examples drawn, spread over all."""
    n = len(view.examples)
    return sorted({round(i) for i in np.linspace(0, n - 1, min(_MOST, n))})


def caption(view: View) -> str:
    """Say what an event is."""
    return (
        "Multiple-firing events by the detector crossing (filled: truth), which reads truth and "
        "surrogate alike. Lines: the same record of the truth by other detectors; there is no one "
        "definition, and where no distinct events exist they disagree."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.examples and view.has("each_event_size") else "multiple-firing events"


PANEL = Panel(
    name="events", title="Multiple-firing events", caption=caption, missing=missing, draw=draw
)
