"""The one-parameter bifurcation diagram."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snnsurrogate.report._style import INK, MUTED, new_figure, style
from snnsurrogate.report._view import symbol, with_unit
from snnsurrogate.report.plots._lines import Labels, mark, runs

_CYCLE = "#0072b2"
_OVERLAY = "#d55e00"  # what is drawn over: a surrogate over the truth
_DASHES = (0, (4, 2))


def bifurcation_diagram(
    *branches: xr.Dataset,
    state: str = "",
    over: tuple[xr.Dataset, ...] | xr.Dataset = (),
    period: bool = False,
    labels: bool = True,
    title: str = "",
    width: float = 6.4,
    height: float = 4.2,
) -> Figure:
    """Draw branches of fixed points and cycles over their parameter, stable solid, unstable dashed.

    Fixed points are dark; of cycles the largest and smallest value of the state are drawn in blue,
    of k-cycles of a map every step. Special points carry the usual letters (LP fold, H Hopf, BP
    branch point, LPC fold of cycles, PD period doubling, NS Neimark-Sacker or torus), hollow where
    a Hopf or flip is subcritical. Points with extrapolated parameters are pale.

    Args:
        *branches: results of :func:`dynamics.continue_fixed_points` and
            :func:`dynamics.continue_cycles` in one parameter.
        state: which state; default the first.
        over: results drawn over the others in orange, such as those of a surrogate.
        period: add a panel with the period of the cycles.
        labels: write the letters of special points.
        title: of the figure.
        width: inches.
        height: inches.

    Returns:
        A matplotlib Figure (``figure.savefig("diagram.png")``), outside pyplot's state.

    Raises:
        ValueError: nothing to draw, different parameters, an unknown state, or curves in two.
    """
    overlays = (over,) if isinstance(over, xr.Dataset) else tuple(over)
    parameter, state = _check([*branches, *overlays], state)
    first = branches[0] if branches else overlays[0]
    with style():
        figure = new_figure(height * (1.45 if period else 1.0), width=width)
        axes = figure.subplots(
            2 if period else 1, 1, sharex=True, squeeze=False,
            height_ratios=[1.0, 0.45] if period else [1.0],
        )[:, 0]  # fmt: skip
        ax = axes[0]
        groups = [(branches, INK, _CYCLE), (overlays, _OVERLAY, _OVERLAY)]
        for tables, point_colour, cycle_colour in groups:
            for table in tables:
                is_cycle = table.attrs["object"] == "cycles"
                _draw(ax, table, parameter, state, cycle_colour if is_cycle else point_colour)
        ax.margins(x=0.0)
        ax.set_xlim(ax.get_xlim())
        ax.set_ylim(ax.get_ylim())
        place = Labels(ax) if labels else None
        texts = []
        for tables, point_colour, cycle_colour in groups:
            for table in tables:
                is_cycle = table.attrs["object"] == "cycles"
                colour = cycle_colour if is_cycle else point_colour
                values = _values(table, state)
                for i, y in enumerate(values):
                    got = mark(ax, table, parameter, y, colour, labels=place)
                    texts += got if i == len(values) - 1 else []
        if place is not None:
            for at, text, colour in texts:
                place.add(at, text, colour)
        if period:
            coloured = [(t, _CYCLE) for t in branches] + [(t, _OVERLAY) for t in overlays]
            _periods(axes[1], coloured, parameter)
        unit = first[parameter].attrs.get("units", "")
        axes[-1].set_xlabel(with_unit(symbol(parameter), unit))
        ax.set_ylabel(with_unit(symbol(state), first[state].attrs.get("units", "")))
        if title:
            ax.set_title(title)
        _legend(ax, branches, overlays)
    return figure


def _check(tables: list[xr.Dataset], state: str) -> tuple[str, str]:
    if not tables:
        msg = "nothing to draw; give the result of continue_fixed_points or continue_cycles."
        raise ValueError(msg)
    for table in tables:
        if table.attrs.get("object") not in {"fixed points", "cycles"}:
            msg = (
                "expected branches of fixed points or cycles in one parameter; curves in two go to "
                "two_parameter_diagram."
            )
            raise ValueError(msg)
    parameters = {str(table.attrs["parameter"]) for table in tables}
    if len(parameters) > 1:
        msg = f"the branches vary different parameters: {', '.join(sorted(parameters))}."
        raise ValueError(msg)
    states = [str(n) for n in tables[0].data_vars if tables[0][n].attrs.get("role") == "state"]
    state = state or states[0]
    for table in tables:
        if state not in table.data_vars or table[state].attrs.get("role") != "state":
            msg = f"no state {state!r} in the branches; expected one of {', '.join(states)}."
            raise ValueError(msg)
    return parameters.pop(), state


def _values(table: xr.Dataset, state: str) -> list[np.ndarray]:
    """What is drawn over the points: the state, of cycles both extremes, of k-cycles every step."""
    if table.attrs["object"] != "cycles":
        return [table[state].values]
    if table.attrs["kind"] == "map":
        return list(table[state].values.T)
    return [table[f"{state}_min"].values, table[f"{state}_max"].values]


def _draw(ax: Axes, table: xr.Dataset, parameter: str, state: str, colour: str) -> None:
    x = table[parameter].values
    # 0 unstable, 1 stable; 2 and 3 the same, extrapolated
    kind = table["stable"].values + 2 * table["extrapolated"].values
    labelled = table["label"].values != ""
    for y in _values(table, state):
        for piece, code in runs(table["branch"].values, kind, labelled):
            ax.plot(
                x[piece], y[piece], color=colour, alpha=0.4 if code >= 2 else 1.0,
                linestyle="-" if code % 2 else _DASHES, linewidth=1.7 if code % 2 else 1.1,
                solid_capstyle="butt",
            )  # fmt: skip


def _periods(ax: Axes, tables: list[tuple[xr.Dataset, str]], parameter: str) -> None:
    unit = ""
    for table, colour in tables:
        if table.attrs["object"] != "cycles":
            continue
        unit = table["cycle_period"].attrs.get("units", "")
        x, y = table[parameter].values, table["cycle_period"].values
        kind = table["stable"].values.astype(int)
        for piece, code in runs(table["branch"].values, kind, table["label"].values != ""):
            ax.plot(
                x[piece], y[piece], color=colour, linestyle="-" if code else _DASHES,
                linewidth=1.7 if code else 1.1,
            )  # fmt: skip
    values = np.concatenate([ax_line.get_ydata() for ax_line in ax.lines] or [np.ones(1)])
    if values.max() > 8 * np.median(values):
        ax.set_yscale("log")
    ax.set_ylabel(with_unit("period", unit))


def _cycle_name(branches: tuple[xr.Dataset, ...]) -> str:
    flow = any(t.attrs["object"] == "cycles" and t.attrs["kind"] == "flow" for t in branches)
    return "cycle, max and min" if flow else "cycle, every step"


def _legend(ax: Axes, branches: tuple[xr.Dataset, ...], overlays: tuple[xr.Dataset, ...]) -> None:
    kinds = {table.attrs["object"] for table in branches}
    handles = []
    if "fixed points" in kinds:
        handles.append(Line2D([], [], color=INK, linewidth=1.7, label="fixed point"))
    if "cycles" in kinds:
        handles.append(Line2D([], [], color=_CYCLE, linewidth=1.7, label=_cycle_name(branches)))
    if overlays:
        handles.append(Line2D([], [], color=_OVERLAY, linewidth=1.7, label="surrogate"))
    handles.append(Line2D([], [], color=MUTED, linewidth=1.7, label="stable"))
    handles.append(Line2D([], [], color=MUTED, linewidth=1.1, linestyle=_DASHES, label="unstable"))
    if any(bool(t["extrapolated"].any()) for t in (*branches, *overlays)):
        handles.append(Line2D([], [], color=MUTED, linewidth=1.7, alpha=0.4, label="extrapolated"))
    ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles),
        borderaxespad=0.2, columnspacing=1.2, handlelength=1.9,
    )  # fmt: skip
