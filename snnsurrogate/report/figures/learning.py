"""Coverage against the number of training points; wrong labels and errors against distance."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from snnsurrogate.report._style import INK, MUTED, SOURCE, new_figure
from snnsurrogate.report._view import View
from snnsurrogate.report.figures._panel import Panel

_STYLES = (
    (SOURCE["surrogate"], "o", "-"),
    (INK, "s", "--"),
    ("#0072b2", "^", "--"),
    ("#009e73", "D", "--"),
    ("#cc79a7", "v", "-"),
)


def draw(view: View) -> Figure:
    """Draw coverage over points, wrong labels over distance, error over distance."""
    ds = view.ds
    names = list(dict.fromkeys([*ds["curve"].values, *ds["kind"].values]))
    look = {name: _STYLES[k % len(_STYLES)] for k, name in enumerate(names)}
    figure = new_figure(3.4)
    left, middle, right = figure.subplots(1, 3)
    n = ds["training_points"].values.astype(float)
    for name in ds["curve"].values:
        colour, marker, line = look[name]
        values, low, high = (
            ds[f"coverage_curve{end}"].sel(curve=name).values for end in ("", "_low", "_high")
        )
        left.plot(n, values, color=colour, marker=marker, linestyle=line, markersize=4)
        left.fill_between(n, low, high, color=colour, alpha=0.15, linewidth=0)
    if view.has("coverage_floor"):
        left.axhline(float(ds["coverage_floor"]), color=MUTED, linestyle=":", linewidth=1)
        left.annotate("twin", (n[0], float(ds["coverage_floor"])), fontsize=7.5, color=MUTED)
    left.set_xscale("log")
    left.xaxis.set_major_locator(FixedLocator(n.tolist()))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xticklabels([f"{v:g}" for v in n])
    left.set_xlabel("training points")
    left.set_title("mean recall of labels")
    for name in ds["kind"].values:
        colour, marker, line = look[name]
        rows = {k: ds[f"curve_{k}"].sel(kind=name).values for k in ("distance", "error_distance")}
        style = {"color": colour, "marker": marker, "linestyle": line, "markersize": 4}
        middle.plot(rows["distance"], 100 * ds["curve_wrong"].sel(kind=name).values, **style)
        error = ds["curve_error"].sel(kind=name).values
        right.plot(rows["error_distance"], np.maximum(error, 1e-3), **style)
    for ax in (middle, right):
        ax.set_xlabel("distance to the nearest training point")
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    middle.set_title("wrong labels (%)")
    right.set_title(f"{ds.attrs.get('curve_error_name', 'feature')}, median error (%)")
    right.set_yscale("log")
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_minor_locator(NullLocator())
    right.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    handles = [
        left.plot([], [], color=c, marker=m, linestyle=s, markersize=4, label=str(name))[0]
        for name, (c, m, s) in look.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def caption(view: View) -> str:
    """Say what the axes are."""
    number = view.attr("curve_points")
    return (
        "Left: all test points, median over the seeds of training, extremes shaded. Middle and "
        f"right: trainings on {number} points (held-out parts: on all others), in bins of equal "
        "counts; one side of the parameter box has length 1. Errors below 0.001 % stand at the "
        "lower edge."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    needed = ("coverage_curve", "coverage_curve_low", "coverage_curve_high")
    curves = ("curve_distance", "curve_wrong", "curve_error_distance", "curve_error")
    return "" if view.has(*needed, *curves) else "trainings on different numbers of points"


PANEL = Panel(
    name="learning",
    title="How many points, and how far from them",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
