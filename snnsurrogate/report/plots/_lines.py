"""Pieces of line by style, and labels of special points that do not cover each other."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

MARKERS = {
    "LP": "s",
    "LPC": "s",
    "H": "o",
    "NS": "o",
    "PD": "D",
    "BP": "^",
    "BPC": "^",
    "CP": "v",
    "BT": "P",
    "GH": "X",
    "ZH": "p",
    "HH": "h",
    "R": "p",
}
_NEAR = 0.035  # of the axes: labels nearer than this are written as one


def runs(branch: np.ndarray, style: np.ndarray, labelled: np.ndarray) -> Iterator[tuple]:
    """Maximal pieces (slice of points, style) of one style within a branch.

    A segment has the style of its ends; where they differ it takes that of the end which is not a
    special point, and of two plain ends the smaller style.
    """
    n = len(branch)
    first = 0
    current = None
    for i in range(n - 1):
        if branch[i] != branch[i + 1]:
            if current is not None:
                yield slice(first, i + 1), current
            first, current = i + 1, None
            continue
        a, b = style[i], style[i + 1]
        now = b if labelled[i] else a if labelled[i + 1] else min(a, b)
        if current is None:
            current = now
        elif now != current:
            yield slice(first, i + 1), current
            first, current = i, now
    if current is not None:
        yield slice(first, n), current


def short(label: str) -> str:
    """The type of a label: "LPC3" is an LPC."""
    return label.rstrip("0123456789")


class Labels:
    """Places short texts beside points where they cover least of the lines and of each other."""

    def __init__(self, ax: Axes) -> None:
        figure = ax.get_figure()
        inches = (6.0, 4.0) if figure is None else figure.get_size_inches()  # type: ignore[union-attr]
        box = ax.get_subplotspec()
        share = 1.0 if box is None or box.get_gridspec().nrows == 1 else 0.66
        self.ax, self.size = ax, np.array([inches[0] * 65.0, inches[1] * 61.0 * share])
        self.low = np.array([ax.get_xlim()[0], ax.get_ylim()[0]])
        self.span = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
        pieces = [self._dense(np.column_stack(line.get_data())) for line in ax.lines]
        self.ink = np.concatenate(pieces) if pieces else np.empty((0, 2))
        self.boxes: list[tuple[float, float, float, float]] = []

    def _dense(self, points: np.ndarray) -> np.ndarray:
        at = (points.astype(float) - self.low) / self.span * self.size
        length = np.append(0.0, np.cumsum(np.hypot(*np.diff(at, axis=0).T)))
        ticks = np.arange(0.0, length[-1] + 3.0, 3.0)
        return np.column_stack([np.interp(ticks, length, at[:, k]) for k in (0, 1)])

    def near(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        """Whether two points are so close that one text serves both."""
        gap = np.abs((np.array(a) - b) / self.span)
        return bool((gap < _NEAR).all())

    def add(self, at: tuple[float, float], text: str, colour: str) -> None:
        """Write a text beside a point (data coordinates)."""
        centre = (np.array(at) - self.low) / self.span * self.size
        wide, high = 5.4 * len(text) + 2.0, 9.0
        best, cost_of_best = (0.0, 0.0), np.inf
        for radius in (8.0, 14.0, 22.0):
            for angle in (45, -45, 135, -135, 0, 90, -90, 180):
                x = radius * np.cos(np.deg2rad(angle))
                y = radius * np.sin(np.deg2rad(angle)) - high / 2
                x -= wide if x < -1 else 0.0 if x > 1 else wide / 2
                left, bottom = centre + (x, y)
                box = (left - 1, bottom - 1, left + wide + 1, bottom + high + 1)
                inside = (self.ink >= box[:2]) & (self.ink <= box[2:])
                cost = float(inside.all(1).sum()) + 0.15 * radius
                cost += 30.0 * sum(
                    box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3]
                    for b in self.boxes
                )
                out = left < 0 or bottom < 0 or left + wide > self.size[0]
                cost += 20.0 * (out or bottom + high > self.size[1])
                if cost < cost_of_best:
                    best, cost_of_best = (x, y), cost
        left, bottom = centre + best
        self.boxes.append((left, bottom, left + wide, bottom + high))
        self.ax.annotate(
            text, at, xytext=best, textcoords="offset points", ha="left", va="bottom",
            fontsize=8.5, color=colour, zorder=6, annotation_clip=False,
        )  # fmt: skip


def mark(
    ax: Axes,
    branches: xr.Dataset,
    x: str,
    y: np.ndarray,
    colour: str,
    *,
    labels: Labels | None,
) -> list[tuple[tuple[float, float], str, str]]:
    """Draw a marker at each special point; the texts to write beside them (point, text, colour)."""
    rows = branches["special_point"].values.astype(int)
    hollow = np.zeros(len(rows), dtype=bool)
    if "criticality" in branches:
        hollow = branches["criticality"].values == "subcritical"
    groups: list[tuple[tuple[float, float], list[str]]] = []
    for row, open_marker in zip(rows, hollow, strict=True):
        name = short(str(branches["label"].values[row]))
        at = float(branches[x].values[row]), float(y[row])
        ax.plot(
            *at, marker=MARKERS.get(name, "o"), markersize=5.0, linestyle="none",
            markerfacecolor="white" if open_marker else colour, markeredgecolor=colour,
            markeredgewidth=1.1, zorder=5, clip_on=False,
        )  # fmt: skip
        if labels is None:
            continue
        labels.boxes.append(tuple((np.array(at) - labels.low) / labels.span * labels.size) * 2)
        for place, names in groups:
            if labels.near(place, at):
                if name not in names:
                    names.append(name)
                break
        else:
            groups.append((at, [name]))
    return [(at, ", ".join(names), colour) for at, names in groups]
