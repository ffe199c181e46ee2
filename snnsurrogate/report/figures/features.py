"""Rhythm features along the swept parameter, and their error beside the floor."""

import numpy as np
from matplotlib.figure import Figure

from snnsurrogate.report._style import SOURCE, new_figure
from snnsurrogate.report._view import View, pretty_unit, with_unit
from snnsurrogate.report.figures._panel import Panel

# Shown when they are there, in this order; any system with other features still gets the first.
_WANTED = ("spikes_per_burst", "burst_period", "duty_cycle", "isi_mean", "rate")
_MOST = 3


def _available(view: View) -> list[str]:
    def usable(name: str) -> bool:
        return view.has(name) and bool(np.isfinite(view.of(name, "truth")).any())

    return [n for n in _WANTED if usable(n)][:_MOST]


def draw(view: View) -> Figure:
    """Draw value above and error below, one column per feature."""
    names = _available(view)
    order = view.order
    x = view.x[order]
    figure = new_figure(4.6)
    axes = figure.subplots(
        2, len(names), sharex=True, squeeze=False, gridspec_kw={"height_ratios": [3, 2]}
    )
    for column, name in enumerate(names):
        top, bottom = axes[:, column]
        unit = str(view.ds[name].attrs.get("units", ""))
        truth, surrogate = (view.of(name, s)[order] for s in ("truth", "surrogate"))
        top.plot(x, truth, color=SOURCE["truth"], linewidth=2.2, label="truth")
        top.plot(
            x,
            surrogate,
            color=SOURCE["surrogate"],
            marker="o",
            markersize=2.2,
            linewidth=0,
            label="surrogate",
        )
        top.set_title(name.replace("_", " ").replace("isi", "interspike interval,"))
        top.set_ylabel(pretty_unit(unit) or ("count" if "spikes" in name else "fraction"))
        if "twin" in view.sources:
            floor = view.of(name, "twin")[order] - truth
            bottom.plot(x, floor, color=SOURCE["twin"], linewidth=1.1, label="twin (floor)")
        bottom.plot(
            x, surrogate - truth, color=SOURCE["surrogate"], linewidth=1.0, label="surrogate"
        )
        bottom.axhline(0, color="#9aa3af", linewidth=0.8)
        bottom.set_ylabel(with_unit("error", unit))
        bottom.set_xlabel(view.x_label)
    seen = dict(zip(*[reversed(x) for x in axes[1, 0].get_legend_handles_labels()], strict=True))
    first = axes[0, 0].get_legend_handles_labels()[0][:1]
    figure.legend([*first, *seen], ["truth", *seen.values()], loc="outside upper left", ncols=3)
    return figure


def caption(view: View) -> str:
    """Say what gaps mean."""
    return (
        "Below: surrogate minus truth, beside twin minus truth. A gap means the feature is missing."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if _available(view) else "features of the rhythm (no sample spikes)"


PANEL = Panel(
    name="features", title="Burst and spike features", caption=caption, missing=missing, draw=draw
)
