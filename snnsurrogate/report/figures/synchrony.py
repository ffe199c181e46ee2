"""Rates, synchrony and rhythm of every sample: along a swept parameter, or against the truth."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate.features.regimes.synchrony import THRESHOLDS
from snnsurrogate.report._style import MUTED, SOURCE, new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel

_WORDS = {
    "chi": "chi (5 ms)",
    "ssi_1ms": "synchrony index (1 ms)",
    "event_rate": "events",
    "peak_frequency": "spectral peak",
    "event_size": "spikes per event",
}
_MOST = 6


def _names(view: View) -> list[str]:
    rates = [f"rate_{p}" for p in view.populations]
    names = ["chi", "ssi_1ms", *rates, "event_rate", "event_size", "peak_frequency"]
    return [n for n in names if view.has(n) and np.isfinite(view.of(n, "truth")).any()][:_MOST]


def _words(name: str) -> str:
    return _WORDS.get(name, name.replace("rate_", "") + " rate")


def _along(view: View, name: str, ax: Axes) -> None:
    order = view.order
    x = view.x[order]
    ax.plot(x, view.of(name, "truth")[order], color=SOURCE["truth"], linewidth=1.6, label="truth")
    for source, marker in (("twin", "s"), ("surrogate", "o")):
        if source in view.sources:
            ax.plot(
                x, view.of(name, source)[order], linestyle="none", marker=marker, markersize=3.2,
                color=SOURCE[source], markeredgewidth=0, label=view.name_of(source),
            )  # fmt: skip
    ax.set_xlabel(view.x_label)


def _against(view: View, name: str, ax: Axes) -> None:
    truth = view.of(name, "truth")
    for source, marker in (("twin", "s"), ("surrogate", "o")):
        if source in view.sources:
            ax.plot(
                truth, view.of(name, source), linestyle="none", marker=marker, markersize=3.0,
                color=SOURCE[source], markeredgewidth=0, alpha=0.75,
                label=view.name_of(source) + (" (floor)" if source == "twin" else ""),
            )  # fmt: skip
    every = np.stack([view.of(name, source) for source in view.sources])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    margin = 0.05 * (high - low) or 1.0
    ends = (low - margin, high + margin)
    ax.plot(ends, ends, color="#9aa3af", linewidth=0.8, zorder=1)
    ax.set_xlim(ends)
    ax.set_ylim(ends)
    ax.set_xlabel("truth")


def draw(view: View) -> Figure:
    """Draw one axes per measure."""
    names = _names(view)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(0.5 + 2.35 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    along = len(view.swept) == 1
    for ax, name in zip(axes.flat, names, strict=False):
        (_along if along else _against)(view, name, ax)
        ax.set_title(with_unit(_words(name), str(view.ds[name].attrs.get("units", ""))))
        if name == "chi" and view.attr("regime_rule") == "synchrony":
            for level in THRESHOLDS:
                ax.axhline(level, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
                if not along:
                    ax.axvline(level, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
    return figure


def caption(view: View) -> str:
    """Say what is drawn."""
    text = "Dashed: the thresholds of chi between the regimes."
    if len(view.swept) == 1:
        return text
    return f"Every sample: {view.prediction} against truth, on the diagonal where equal. {text}"


def missing(view: View) -> str:
    """Return what the scores lack."""
    if view.n_sample < 2:
        return "a second sample"
    return "" if _names(view) else "features of the network (nothing spikes)"


PANEL = Panel(
    name="synchrony", title="Rates and synchrony", caption=caption, missing=missing, draw=draw
)
