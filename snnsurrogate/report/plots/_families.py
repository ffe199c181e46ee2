"""Families of maps under one input: intervals and rest beside the truth, regimes of many maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from snnsurrogate.report._style import INK, MUTED, REGIME, SOURCE, new_figure, style
from snnsurrogate.report._view import symbol, with_unit

_COLOURS = {
    "missing": "#ffffff",
    "rest": REGIME["quiescent"],
    "tonic": REGIME["tonic"],
    "bursting": REGIME["bursting"],
    "other": REGIME["chaotic"],
}


def family_diagram(tables: Mapping[str, xr.Dataset]) -> Figure:
    """Draw interspike intervals, range and fixed points along the input, a column per table.

    Args:
        tables: title -> result of `families.control_sweep` or `families.regime_table`.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no table, or something else.
    """
    _need(list(tables.values()))
    with style():
        figure = new_figure(5.6)
        axes = figure.subplots(2, len(tables), sharex="col", sharey="row", squeeze=False)
        for k, (title, table) in enumerate(tables.items()):
            shown = table.isel(value=table["fine"].values) if "fine" in table else table
            _intervals(axes[0, k], shown)
            _extent(axes[1, k], shown)
            axes[0, k].set_title(title, color=SOURCE["truth" if k == 0 else "surrogate"])
            name = str(table.attrs["parameter"])
            unit = str(table["value"].attrs.get("units", ""))
            axes[1, k].set_xlabel(with_unit(symbol(name), unit))
            if "at" in table.attrs:
                for ax in axes[:, k]:
                    ax.axvline(table.attrs["at"], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        first = next(iter(tables.values()))
        axes[0, 0].set_ylabel(
            with_unit("interspike interval", str(first["interval"].attrs.get("units", "")))
        )
        axes[1, 0].set_ylabel(
            with_unit("range and rest", str(first["lowest"].attrs.get("units", "")))
        )
        handles = [Patch(color=c, label=n) for n, c in _COLOURS.items() if n != "missing"]
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def _need(tables: Sequence[xr.Dataset]) -> None:
    if not tables or any("regime" not in t or "interval" not in t for t in tables):
        msg = "expected tables of families.control_sweep or families.regime_table; got none or else"
        raise ValueError(msg)


def _bands(ax: Axes, table: xr.Dataset) -> None:
    """The regime of every value, as shading."""
    x, codes = table["value"].values, table["regime"].values
    edges = np.concatenate([[x[0]], 0.5 * (x[1:] + x[:-1]), [x[-1]]])
    names = list(_COLOURS)
    for code, low, high in zip(codes, edges[:-1], edges[1:], strict=True):
        ax.axvspan(low, high, color=_COLOURS[names[int(code) + 1]], alpha=0.25, linewidth=0)


def _intervals(ax: Axes, table: xr.Dataset) -> None:
    _bands(ax, table)
    gaps = table["interval"].values
    x = np.broadcast_to(table["value"].values[:, None], gaps.shape)
    good = np.isfinite(gaps) & (gaps > 0)
    ax.plot(x[good], gaps[good], ".", color=INK, markersize=2, alpha=0.5, rasterized=True)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(float(table["value"][0]), float(table["value"][-1]))


def _extent(ax: Axes, table: xr.Dataset) -> None:
    _bands(ax, table)
    x = table["value"].values
    for name in ("lowest", "highest"):
        ax.plot(x, table[name].values, ".", color=INK, markersize=2.5)
    if "rest" in table:
        for k in range(table.sizes["point"]):
            stable = table["leading"].values[:, k] < 0
            here = table["rest"].values[:, k]
            ax.plot(x[stable], here[stable], "o", color=SOURCE["surrogate"], markersize=3.5)
            ax.plot(
                x[~stable], here[~stable], "o", markerfacecolor="none", markersize=3.5,
                markeredgecolor=SOURCE["surrogate"], markeredgewidth=0.7,
            )  # fmt: skip


def regime_strips(groups: Mapping[str, Mapping[str, xr.Dataset]]) -> Figure:
    """Draw the regimes of many maps along their inputs, a column per group, a row per map.

    Every row is the even part of a `families.control_sweep`, from one end to the other; the mark is
    the trained value.

    Args:
        groups: title -> (name of the map -> its table).

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: no table, or something else.
    """
    _need([t for group in groups.values() for t in group.values()])
    most = max(len(group) for group in groups.values())
    colours = ListedColormap(list(_COLOURS.values()))
    norm = BoundaryNorm(np.arange(len(_COLOURS) + 1) - 1.5, colours.N)
    with style():
        figure = new_figure(1.2 + 0.17 * most)
        axes = figure.subplots(1, len(groups), squeeze=False)[0]
        for ax, (title, group) in zip(axes, groups.items(), strict=True):
            for row, table in enumerate(group.values()):
                fine = table.isel(value=table["fine"].values)
                image = fine["regime"].values[None]
                x = fine["value"].values
                ax.imshow(
                    image, cmap=colours, norm=norm, aspect="auto", interpolation="nearest",
                    extent=(0, 1, row + 0.42, row - 0.42),
                )  # fmt: skip
                place = (table.attrs["at"] - x[0]) / (x[-1] - x[0])
                ax.plot(
                    [place], [row], marker="|", color="white", markersize=6, markeredgewidth=1.4
                )
            ax.set_xlim(0, 1)
            ax.set_ylim(most - 0.4, -0.6)
            ax.set_yticks(range(len(group)), [str(name) for name in group], fontsize=7)
            ax.set_xticks([])
            ax.grid(visible=False)
            ax.set_title(title)
        handles = [Patch(color=c, label=n) for n, c in _COLOURS.items() if n != "missing"]
        figure.legend(handles=handles, loc="outside lower right", ncols=len(handles))
    return figure
