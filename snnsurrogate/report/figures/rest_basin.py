"""Basin of a rest state: a slice of truth and map, and the shares of all maps."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from snnsurrogate.report._style import INK, SOURCE, new_figure, panel_letter
from snnsurrogate.report._view import View, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel

_REST, _MOVES, _DIVERGES = "#0072b2", "#dbe4ee", "#d55e00"
_SHADE = {"truth": INK, "transients": SOURCE["surrogate"], "attractor": "#009e73"}


def draw(view: View) -> Figure:
    """Draw both slices, and the share of the box with its interval for truth and every map."""
    ds = view.ds
    figure = new_figure(3.4)
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
    names = [str(d)[5:] for d in ds["rest_plane"].dims[1:]]
    ticks = [ds[f"rest_{name}"] for name in names]
    colours = ListedColormap([_MOVES, _REST, _DIVERGES])
    for ax, plane, source in zip(axes, ds["rest_plane"].values, ("truth", "map"), strict=False):
        ax.pcolormesh(
            ticks[1].values, ticks[0].values, plane.astype(float), cmap=colours, vmin=0, vmax=2,
            shading="nearest", alpha=0.85, rasterized=True,
        )  # fmt: skip
        point = ds["rest_point"].values
        ax.plot(point[1], point[0], marker="o", color="white", markeredgecolor=INK, ms=6)
        ax.set_title(source)
        ax.grid(visible=False)
        ax.set_xlabel(with_unit(symbol(names[1]), view.state_unit(names[1])))
    axes[0].set_ylabel(with_unit(symbol(names[0]), view.state_unit(names[0])))
    axes[1].plot([], [], "s", color=_REST, label="ends at rest")
    axes[1].plot([], [], "s", color=_MOVES, label="ends oscillating")
    if (ds["rest_plane"].values == 2).any():
        axes[1].plot([], [], "s", color=_DIVERGES, label="diverges")
    axes[1].legend(loc="upper right", facecolor="white", framealpha=0.85, frameon=True)
    shares = 100 * ds["rest_share"].values
    groups = ds["rest_basin_protocol"].values.astype(str)
    place = np.arange(len(shares)) + np.cumsum(np.r_[0, groups[1:] != groups[:-1]])
    ax = axes[2]
    for name in dict.fromkeys(groups):
        own = groups == name
        middle, low, high = shares[own].T
        ax.errorbar(
            place[own], middle, np.maximum([middle - low, high - middle], 0), fmt="o", ms=4,
            lw=1.1, color=_SHADE.get(name, SOURCE["twin"]), label=name,
        )  # fmt: skip
    ax.axhspan(shares[0, 1], shares[0, 2], color="#e3e6ea", zorder=0)
    ax.set_xticks([])
    ax.set_ylim(0, 1.35 * shares[:, 2].max())
    ax.set_ylabel("share of the box at rest (%)")
    ax.set_title("basin fraction")
    ax.legend(loc="upper right")
    for ax, letter in zip(axes, "abc", strict=True):
        panel_letter(ax, letter)
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    return (
        "Left: which starts of a plane through the rest state (circle) end there, by the equations "
        "and by the reported map. Right: share of random starts that end at rest, with exact 95 % "
        "intervals; the same starts for the equations (band) and for every map."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.has("rest_plane", "rest_share", "rest_point") else "basins of a rest state"


PANEL = Panel(
    name="rest_basin",
    title="Basin of the rest state",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
