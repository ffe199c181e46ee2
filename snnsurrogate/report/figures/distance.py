"""Errors of every sample against its distance to the nearest training points."""

import numpy as np
from matplotlib.figure import Figure

from snnsurrogate.report._style import MUTED, SOURCE, new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel

_ERRORS = {
    "sample_chi_error": "chi, error",
    "sample_ssi_error": "synchrony index, error",
    "sample_population_rate_error_E": "E rate, error",
    "sample_spectrum_distance_E": "spectrum, Hellinger",
}


def _names(view: View) -> list[str]:
    return [name for name in _ERRORS if view.has(name)]


def draw(view: View) -> Figure:
    """Draw one axes per error; the twin beside the surrogate, with the rank correlation."""
    names = _names(view)
    x = view.ds["training_distance"].values
    figure = new_figure(2.9)
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        for source, marker in (("twin", "s"), ("surrogate", "o")):
            if source in view.sources:
                label = view.name_of(source) + (" (floor)" if source == "twin" else "")
                ax.plot(
                    x, view.of(name, source), linestyle="none", marker=marker, markersize=3.2,
                    color=SOURCE[source], markeredgewidth=0, label=label,
                )  # fmt: skip
        ax.set_title(with_unit(_ERRORS[name], str(view.ds[name].attrs.get("units", ""))))
        ax.set_xlabel("distance")
        ax.set_ylim(0, 1.15 * ax.get_ylim()[1])  # room for the words below
        rank = _rank_correlation(x, view.of(name, "surrogate"))
        ax.annotate(
            f"rank correlation {rank:+.2f}", (0.98, 0.97), xycoords="axes fraction",
            ha="right", va="top", fontsize=7.5, color=MUTED,
        )  # fmt: skip
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
    return figure


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3:
        return float("nan")
    ranks = [np.argsort(np.argsort(v[known])).astype(float) for v in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def caption(view: View) -> str:
    """Say what the distance is."""
    return str(view.ds["training_distance"].attrs.get("comment", ""))


def missing(view: View) -> str:
    """Return what the scores lack."""
    there = view.has("training_distance") and "surrogate" in view.sources and _names(view)
    return "" if there else "distances to the training points"


PANEL = Panel(
    name="distance",
    title="Errors against distance to the training points",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
