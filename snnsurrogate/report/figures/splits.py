"""Planes of parameters: what a training saw, what it held out, where its labels are right."""

import json

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snnsurrogate.report._style import MUTED, WARN, new_figure
from snnsurrogate.report._view import View
from snnsurrogate.report.figures._panel import Panel

_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#0072b2")


def draw(view: View) -> Figure:
    """Draw one plane per training: training points, test points by part, wrong labels crossed."""
    ds = view.ds
    names = [str(name) for name in ds["training"].values]
    parts = str(ds["split_part"].attrs["parts"]).split()
    x, y = json.loads(ds.attrs["split_plane"])
    rows = -(-len(names) // 2)
    figure = new_figure(0.4 + 3.1 * rows)
    axes = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        at = {"training": name}
        seen = ds["split_seen"].sel(at).values.astype(bool)
        known = ds["known_x"].values[seen], ds["known_y"].values[seen]
        ax.plot(*known, linestyle="none", marker=".", markersize=2.6, color=MUTED, alpha=0.6)
        part, right = (ds[f"split_{what}"].sel(at).values for what in ("part", "right"))
        for code in np.unique(part):
            own = part == code
            ax.plot(
                ds[x].values[own], ds[y].values[own], linestyle="none", marker="o", markersize=4.2,
                color=_COLOURS[code % 5], markeredgewidth=0, alpha=0.9,
            )  # fmt: skip
        wrong = right <= 0.5
        ax.plot(
            ds[x].values[wrong], ds[y].values[wrong], linestyle="none", marker="x", markersize=5,
            color=WARN, markeredgewidth=1.2,
        )  # fmt: skip
        held_out = part == (parts.index(name) if name in parts else 0)
        share = right[held_out].mean() if held_out.any() else np.nan
        ax.set_title(f"{name}: {100 * share:.3g} % right, {int(seen.sum())} training points")
        ax.set_xlabel(view.axis_label(x))
        ax.set_ylabel(view.axis_label(y))
        ax.label_outer()
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    marks = [Line2D([], [], linestyle="none", marker=".", color=MUTED, label="training point")]
    marks += [
        Line2D([], [], linestyle="none", marker="o", color=_COLOURS[k % 5], label=f"test: {part}")
        for k, part in enumerate(parts)
    ]
    marks.append(Line2D([], [], linestyle="none", marker="x", color=WARN, label="wrong label"))
    figure.legend(handles=marks, loc="outside upper left", ncols=len(marks))
    return figure


def caption(view: View) -> str:
    """Say what the planes show."""
    return (
        "One plane per training. The percentage is of the part that the training held out (between "
        "training points: of all test points). A cross: wrong in half of the seeds or more. "
        "Further parameters are projected onto the plane."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    there = view.has("split_part", "split_right", "split_seen", "known_x", "known_y")
    return "" if there and "split_plane" in view.ds.attrs else "a split of the samples"


PANEL = Panel(
    name="splits",
    title="Held out, and right or wrong there",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
