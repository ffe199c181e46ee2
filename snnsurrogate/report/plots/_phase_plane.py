"""Phase planes side by side: nullclines, vector field, orbits, fixed points."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snnsurrogate.report._style import INK, MUTED, new_figure, style
from snnsurrogate.report._view import symbol, with_unit

_NULLCLINES = ("#0072b2", "#009e73")
_ORBIT = "#d55e00"
_CYCLE = "#cc79a7"
_ARROWS = 16  # along each axis


@dataclass(frozen=True, kw_only=True, eq=False)
class PhasePlane:
    """One panel.

    Attributes:
        nullclines: of :func:`dynamics.nullclines`.
        field: of :func:`dynamics.vector_field` over the same states; drawn as directions.
        orbits: arrays (time, 2) of the two states: trajectories.
        cycles: limit cycles, (time, 2) arrays with whether each is stable; the unstable ones are
            dashed.
        behind: arrays (time, 2), such as orbits of the equations projected into the plane.
        points: of :func:`dynamics.fixed_points`, at one parameter point.
        title: of the panel.
    """

    nullclines: xr.Dataset
    field: xr.Dataset | None = None
    orbits: tuple[np.ndarray, ...] = ()
    cycles: tuple[tuple[np.ndarray, bool], ...] = ()
    behind: tuple[np.ndarray, ...] = ()
    points: xr.Dataset | None = None
    title: str = ""


def phase_planes(
    *panels: PhasePlane, columns: int = 3, width: float = 9.2, height: float = 3.0
) -> Figure:
    """Draw phase planes; fixed points are filled where stable, hollow where not.

    The legend of every column is in its first row.

    Args:
        *panels: one or more.
        columns: panels side by side.
        width: of the figure, inches.
        height: of one row, inches.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no panel, or something that is no result of `dynamics.nullclines`.
    """
    if not panels or any("of" not in panel.nullclines for panel in panels):
        msg = "expected PhasePlane panels with the results of dynamics.nullclines; got none or else"
        raise ValueError(msg)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with style():
        figure = new_figure(height * rows, width=width)
        axes = figure.subplots(rows, columns, squeeze=False)
        for k, (ax, panel) in enumerate(zip(axes.flat, panels, strict=False)):
            _draw(ax, panel, panels[k::columns] if k < columns else ())
        for ax in axes.flat[len(panels) :]:
            ax.set_visible(False)
    return figure


def _states(nullclines: xr.Dataset) -> list[str]:
    return [str(n) for n in nullclines.data_vars if n not in {"of", "piece", "residual"}]


def _explained(panels: tuple[PhasePlane, ...]) -> list[Line2D]:
    """Legend of what is in panels besides the nullclines."""
    kinds = {stable for panel in panels for _, stable in panel.cycles}
    found: list[tuple[bool, str, Any, str]] = [
        (any(panel.orbits for panel in panels), _ORBIT, "solid", "trajectory"),
        (True in kinds, _CYCLE, "solid", "stable cycle"),
        (False in kinds, _CYCLE, "dashed", "unstable cycle"),
        (any(panel.behind for panel in panels), MUTED, "solid", "equations, projected"),
    ]
    return [
        Line2D([], [], color=colour, linestyle=style, label=words)
        for there, colour, style, words in found
        if there
    ]


def _draw(ax: Axes, panel: PhasePlane, explained: tuple[PhasePlane, ...]) -> None:
    table = panel.nullclines
    first, second = _states(table)
    if panel.field is not None:
        _arrows(ax, panel.field, first, second)
    handles = []
    for name, colour in zip((first, second), _NULLCLINES, strict=True):
        for k in np.unique(table["piece"].values[table["of"].values == name]):
            here = table["piece"].values == k
            ax.plot(table[first].values[here], table[second].values[here], color=colour, lw=1.4)
        handles.append(Line2D([], [], color=colour, label=f"d{symbol(name)}/dt = 0"))
    for orbit in panel.behind:
        ax.plot(orbit[:, 0], orbit[:, 1], color=MUTED, linewidth=2.4, alpha=0.5, zorder=1)
    for orbit in panel.orbits:
        ax.plot(orbit[:, 0], orbit[:, 1], color=_ORBIT, linewidth=1.0)
    for orbit, stable in panel.cycles:
        dashes: Any = "solid" if stable else (0, (3, 1.5))
        ax.plot(*orbit[:, :2].T, color=_CYCLE, linewidth=1.6, linestyle=dashes)
    if panel.points is not None:
        _points(ax, panel.points, first, second)
    if panel.field is not None:
        ax.set_xlim(*panel.field[first].values[[0, -1]])
        ax.set_ylim(*panel.field[second].values[[0, -1]])
    ax.set_xlabel(with_unit(symbol(first), str(table[first].attrs.get("units", ""))))
    ax.set_ylabel(with_unit(symbol(second), str(table[second].attrs.get("units", ""))))
    ax.set_title(panel.title)
    ax.grid(visible=False)
    if explained:
        ax.legend(
            handles=[*handles, *_explained(explained)], fontsize=6.5, loc="upper right",
            frameon=True, framealpha=0.85, edgecolor="none",
        )  # fmt: skip


def _arrows(ax: Axes, field: xr.Dataset, first: str, second: str) -> None:
    """Directions as they look in the panel: rates in widths of the axes."""
    x, y = field[first].values, field[second].values
    i, j = (np.unique(np.linspace(0, v.size - 1, _ARROWS).astype(int)) for v in (x, y))
    u = field[f"rate_{first}"].transpose(first, second).values[np.ix_(i, j)] / np.ptp(x)
    v = field[f"rate_{second}"].transpose(first, second).values[np.ix_(i, j)] / np.ptp(y)
    size = np.hypot(u, v)
    size[size == 0] = 1.0
    ax.quiver(
        x[i], y[j], (u / size).T, (v / size).T, color=MUTED, alpha=0.45, pivot="mid",
        angles="uv", scale=30, width=0.003, zorder=0,
    )  # fmt: skip


def _points(ax: Axes, points: xr.Dataset, first: str, second: str) -> None:
    stable = np.asarray(points["unstable"].values).ravel() == 0
    at = [np.asarray(points[s].values).ravel() for s in (first, second)]
    for k in np.flatnonzero(np.isfinite(at[0])):
        ax.plot(
            at[0][k], at[1][k], "o", markersize=6, markeredgecolor=INK,
            markerfacecolor=INK if stable[k] else "white", zorder=5,
        )  # fmt: skip
