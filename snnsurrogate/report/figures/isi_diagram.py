"""Bifurcation diagram by interspike intervals: every interval of every sample, log axis."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from snnsurrogate.report._style import SOURCE, new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel


def _points(view: View, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (parameter, interval) of one source; positive finite intervals only."""
    kind = view.ds["isi_source"].values
    if kind.dtype.kind in "iu":
        chosen = kind == view.sources.index(source)
    else:
        chosen = kind.astype(str) == source
    x, y = view.ds["isi_parameter"].values[chosen], view.ds["isi_value"].values[chosen]
    good = np.isfinite(y) & (y > 0)
    return x[good], y[good]


def draw(view: View) -> Figure:
    """Draw truth above, surrogate below, on the same axes."""
    figure = new_figure(5.4)
    top, bottom = figure.subplots(2, 1, sharex=True, sharey=True)
    truth = _points(view, "truth")
    columns = max(len(np.unique(truth[0])), 1)  # few columns of dots can be larger
    size = float(np.clip(250 / columns, 1.5, 4))
    style = {"linestyle": "none", "marker": "o", "markersize": size, "markeredgewidth": 0}
    top.plot(*truth, color=SOURCE["truth"], alpha=0.55, rasterized=True, **style)
    bottom.plot(*truth, color="#cdd3db", rasterized=True, label="truth", **style)
    bottom.plot(
        *_points(view, "surrogate"),
        color=SOURCE["surrogate"],
        alpha=0.6,
        rasterized=True,
        label="surrogate",
        **style,
    )
    for ax, source in ((top, "truth"), (bottom, "surrogate")):
        ax.set_yscale("log")
        text = "truth" if source == "truth" else "surrogate (truth in grey beneath)"
        ax.set_title(text, color=SOURCE[source])
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylabel(with_unit("interspike interval", view.ds["isi_value"].attrs.get("units", "")))
        for value in view.boundaries(source).values():
            ax.axvline(value, color=SOURCE[source], linewidth=0.9, linestyle=(0, (4, 3)))
    bottom.set_xlabel(view.x_label)
    if view.swept:
        bottom.set_xlim(view.x.min(), view.x.max())
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    return (
        "Each dot is one interspike interval. Bursting shows two bands, the intervals within a "
        "burst below and the silent phases above; tonic spiking shows one. "
        "Dashed: the regime boundary of each, where one was located."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.has("isi_value", "isi_parameter") else "interspike intervals"


PANEL = Panel(
    name="isi_diagram",
    title="Bifurcation diagram",
    caption=caption,
    missing=missing,
    draw=draw,
)
