"""Cost against the size of the network, for every engine measured."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from snnsurrogate.report._style import MUTED, new_figure
from snnsurrogate.report._view import View
from snnsurrogate.report.figures._panel import Panel

_COLOURS = ("#22262e", "#0072b2", "#d55e00", "#009e73")
_MARKERS = ("o", "s", "^", "D")


def draw(view: View) -> Figure:
    """Draw seconds of one core per biological second against the number of cells."""
    figure = new_figure(3.3)
    left, right = figure.subplots(1, 2)
    cost = view.ds["cost"]
    n = view.ds["cost_size"].values.astype(float)
    for k, engine in enumerate(view.ds["cost_engine"].values):
        values = cost.sel(cost_engine=engine).values
        style = {"color": _COLOURS[k % 4], "marker": _MARKERS[k % 4], "markersize": 5}
        left.plot(n, values, label=str(engine), **style)
        right.plot(n, 1e6 * values / n, **style)
    known = cost.values[np.isfinite(cost.values)]
    guide = n / n[0] * known.min() * 0.7
    left.plot(n, guide, color=MUTED, linestyle=(0, (1, 2)), label="in proportion to N")
    left.set_ylabel("core seconds per biological second")
    right.set_ylabel("µs per cell and biological second")
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("cells N")
        ax.xaxis.set_major_locator(FixedLocator(n.tolist()))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(NullLocator())
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    left.legend(loc="best")
    return figure


def caption(view: View) -> str:
    """Say what was held fixed."""
    return str(view.ds["cost"].attrs.get("comment", ""))


def missing(view: View) -> str:
    """Return what the scores lack."""
    if not view.has("cost"):
        return "costs"
    return "" if view.ds.sizes["cost_size"] > 1 else "a second size"


PANEL = Panel(
    name="cost",
    title="Cost against the size of the network",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
