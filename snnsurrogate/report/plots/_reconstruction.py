"""A state space recovered from one series: portrait beside the true one, free run, every seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from snnsurrogate.report._style import INK, MUTED, SOURCE, new_figure, style
from snnsurrogate.report._view import symbol, with_unit


def portraits(
    clouds: Mapping[str, tuple[Sequence[str], np.ndarray]], *, colour: np.ndarray | None = None
) -> Figure:
    """Draw trajectories in up to three coordinates, side by side.

    Args:
        clouds: title -> (names of the coordinates, (time, coordinate) values); of more than three
            coordinates the first three are drawn.
        colour: (time,) number by which all of them are coloured, such as the observed variable;
            those of another length are drawn in one colour.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: nothing to draw.
    """
    if not clouds:
        msg = "portraits got no trajectory; expected title -> (names, values)"
        raise ValueError(msg)
    with style():
        figure = new_figure(3.6)
        for k, (title, (names, values)) in enumerate(clouds.items()):
            d = min(3, values.shape[1])
            ax: Any = figure.add_subplot(1, len(clouds), k + 1, projection="3d" if d == 3 else None)
            keywords: dict[str, Any] = {"s": 1.5, "linewidths": 0, "rasterized": True}
            if colour is not None and len(colour) == len(values):
                keywords |= {"c": colour, "cmap": "viridis"}
            else:
                keywords |= {"color": SOURCE["surrogate"]}
            columns = [values[:, i] for i in range(d)] + [np.zeros(len(values))] * (d == 1)
            ax.scatter(*columns, **keywords)
            ax.set_title(title)
            ax.set_xlabel(symbol(names[0]))
            if d > 1:
                ax.set_ylabel(symbol(names[1]))
            if d == 3:
                ax.set_zlabel(symbol(names[2]))
                ax.tick_params(labelsize=6, pad=-2)
    return figure


def free_run(
    time: np.ndarray, truth: np.ndarray, learned: np.ndarray, *, name: str, unit: str,
    zoom: tuple[float, float], time_unit: str = "s",
) -> Figure:  # fmt: skip
    """Draw a record and a free run from the same state: the whole time, and a part of it.

    Args:
        time: (time,).
        truth: (time,) record.
        learned: (time,) free run.
        name: of the observed variable.
        unit: its unit.
        zoom: begin and end of the part below.
        time_unit: of ``time``.

    Returns:
        A matplotlib Figure, outside pyplot's state.
    """
    with style():
        figure = new_figure(4.2)
        for ax, (low, high) in zip(figure.subplots(2, 1), ((time[0], time[-1]), zoom), strict=True):
            here = (time >= low) & (time <= high)
            ax.plot(time[here], truth[here], color=SOURCE["truth"], linewidth=0.9, label="series")
            ax.plot(
                time[here], learned[here], color=SOURCE["surrogate"], linewidth=0.9, alpha=0.85,
                label="free run of the map",
            )  # fmt: skip
            ax.set_ylabel(with_unit(symbol(name), unit))
            ax.set_xlim(low, high)
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=2)
        figure.axes[1].set_xlabel(with_unit("time", time_unit))
    return figure


def every_seed(
    rows: Mapping[str, Mapping[str, Sequence[float]]], *, goals: Mapping[str, float], unit: str
) -> Figure:
    """Draw one dot per seed: a panel per quantity, a row per experiment; failures at the right.

    Args:
        rows: quantity -> (experiment -> values over seeds, NaN where a seed has none).
        goals: quantity -> what it has to reach, drawn as a line.
        unit: of all quantities.

    Returns:
        A matplotlib Figure, outside pyplot's state.
    """
    names = list(dict.fromkeys(n for group in rows.values() for n in group))
    with style():
        figure = new_figure(1.0 + 0.32 * len(names))
        axes = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
        for ax, (quantity, group) in zip(axes, rows.items(), strict=True):
            known = np.concatenate([np.asarray(v, dtype=float) for v in group.values()])
            known = known[np.isfinite(known) & (known > 0)]
            goal = goals.get(quantity, 1.0)
            least = min(float(known.min(initial=goal)), goal)
            linear = 10.0 ** np.floor(np.log10(least))  # below it the axis runs evenly to zero
            high = 4 * max(float(known.max(initial=0.0)), goal)
            for name, values in group.items():
                v = np.asarray(values, dtype=float)
                y = names.index(name) + 0.25 * np.linspace(-1, 1, v.size)
                good = np.isfinite(v)
                ax.plot(v[good], y[good], "o", color=INK, markersize=3.5, alpha=0.7)
                ax.plot(np.full((~good).sum(), high), y[~good], "x", color=MUTED, markersize=4)
            ax.set_xscale("symlog", linthresh=linear)
            ax.set_xlim(-0.2 * linear, high * 1.3)
            ax.set_xlabel(with_unit(quantity, unit))
            if quantity in goals:
                ax.axvline(goals[quantity], color=SOURCE["surrogate"], linewidth=1.0)
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def dimension_curves(selection: xr.Dataset) -> Figure:
    """Draw what a dimension was chosen by: errors, false neighbours, training; the choice marked.

    Args:
        selection: result of `embedding.select_dimension`.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: something else.
    """
    lacking = {"reconstruction", "predictability", "false_neighbours"} - set(selection.data_vars)
    if lacking:
        msg = f"expected the result of embedding.select_dimension; it lacks {sorted(lacking)}"
        raise ValueError(msg)
    groups = {
        "decoded again": ("reconstruction", "newest"),
        "next state predicted": ("predictability", "neighbours"),
        "delay coordinates": ("false_neighbours", "e1"),
    }
    names = {"false_neighbours": "false neighbours, share", "e1": "Cao's E1",
             "reconstruction": "whole vector", "predictability": "by a smooth map",
             "newest": "newest sample", "neighbours": "by the nearest state"}  # fmt: skip
    colours = (SOURCE["truth"], SOURCE["surrogate"])
    with style():
        figure = new_figure(2.9)
        axes = figure.subplots(1, 4)
        for ax, (title, variables) in zip(axes, groups.items(), strict=False):
            for name, colour, mark in zip(variables, colours, "os", strict=True):
                here = selection[name]
                ax.plot(
                    here[here.dims[0]].values, here.values, marker=mark, markersize=4,
                    color=colour, label=names[name], linewidth=1.2,
                )  # fmt: skip
            ax.axvline(selection.attrs["dimension"], color=MUTED, linestyle=(0, (4, 3)))
            ax.set_title(title)
            ax.set_xlabel("dimension")
            ax.legend(fontsize=7)
            if title != "delay coordinates":
                ax.set_yscale("log")
        for d in selection["dimension"].values:
            curve = selection["training"].sel(dimension=d).values
            share = np.linspace(0, 1, curve.size)
            chosen = int(d) == int(selection.attrs["dimension"])
            axes[3].plot(
                share, curve, color=SOURCE["surrogate"] if chosen else MUTED,
                linewidth=1.6 if chosen else 0.9, alpha=0.4 + 0.1 * int(d), label=str(d),
            )  # fmt: skip
        axes[3].set_yscale("log")
        axes[3].set_title("training")
        axes[3].set_xlabel("share of the steps")
        axes[3].legend(fontsize=7, ncols=2, title="dimension", title_fontsize=7)
    return figure
