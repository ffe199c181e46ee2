"""Maps of chi and of the first rate over a two-parameter plane, and the difference to the truth."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate.features.regimes.synchrony import THRESHOLDS
from snnsurrogate.report._style import SOURCE, new_figure
from snnsurrogate.report._view import View, pretty_unit
from snnsurrogate.report.figures._panel import Panel


def set_scales(view: View, ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Logarithmic axes for values in geometric progression; labels from the swept parameters."""
    for values, name in ((x, "x"), (y, "y")):
        ratios, steps = values[1:] / values[:-1], np.diff(values)
        if values.size > 2 and np.ptp(ratios) / ratios.mean() < 0.6 * np.ptp(steps) / steps.mean():
            getattr(ax, f"set_{name}scale")("log")
            ticks = values[np.unique(np.linspace(0, values.size - 1, 5).round().astype(int))]
            axis = getattr(ax, f"{name}axis")
            axis.set_ticks(ticks, [f"{v:.3g}" for v in ticks])
            axis.set_ticks([], minor=True)
    ax.set_xlabel(view.axis_label(view.swept[0]))
    ax.set_ylabel(view.axis_label(view.swept[1]))


def edges(values: np.ndarray) -> np.ndarray:
    """Cell edges half way between values, on the scale on which they are even."""
    ratios, steps = values[1:] / values[:-1], np.diff(values)
    log = values.size > 2 and np.ptp(ratios) / ratios.mean() < 0.6 * np.ptp(steps) / steps.mean()
    v = np.log(values) if log else values
    middle = 0.5 * (v[1:] + v[:-1])
    found = np.concatenate([[2 * v[0] - middle[0]], middle, [2 * v[-1] - middle[-1]]])
    return np.exp(found) if log else found


def _rows(view: View) -> list[str]:
    names = ["chi", *(f"rate_{p}" for p in view.populations[:1])]
    return [n for n in names if view.has(n)]


def draw(view: View) -> Figure:
    """Draw truth, prediction and their difference for each measure."""
    grid = view.plane
    names = _rows(view)
    figure = new_figure(0.4 + 2.75 * len(names))
    axes = figure.subplots(len(names), 3, sharex=True, sharey=True, squeeze=False)
    if grid is None:
        return figure
    x, y, index = grid
    ends = edges(x), edges(y)
    for row, name in enumerate(names):
        fields = {s: view.of(name, s)[index] for s in ("truth", "surrogate")}
        both = np.stack(list(fields.values()))
        low, high = float(np.nanmin(both)), float(np.nanmax(both))
        unit = pretty_unit(str(view.ds[name].attrs.get("units", "")))
        for ax, (source, field) in zip(axes[row], fields.items(), strict=False):
            image = ax.pcolormesh(*ends, field, vmin=low, vmax=high, cmap="viridis")
            if name == "chi" and view.attr("regime_rule") == "synchrony":
                inside = [v for v in THRESHOLDS if low < v < high]
                if inside and min(field.shape) > 2:
                    lines = ax.contour(x, y, field, levels=inside, colors="white", linewidths=1.3)
                    ax.clabel(lines, fmt="%g", fontsize=7.5)
            ax.set_title(view.name_of(source), color=SOURCE[source])
        words = "chi" if name == "chi" else f"{name.removeprefix('rate_')} rate"
        figure.colorbar(image, ax=axes[row, :2], pad=0.01).set_label(
            f"{words} ({unit})" if unit else words
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = 100.0 * (fields["surrogate"] / fields["truth"] - 1.0)
        most = float(np.nanpercentile(np.abs(apart), 98)) if np.isfinite(apart).any() else 1.0
        image = axes[row, 2].pcolormesh(
            *ends, apart, vmin=-(most or 1.0), vmax=most or 1.0, cmap="RdBu_r"
        )
        axes[row, 2].set_title("difference")
        figure.colorbar(image, ax=axes[row, 2], pad=0.02).set_label("%")
    for ax in axes.flat:
        set_scales(view, ax, x, y)
        ax.grid(visible=False)
        ax.label_outer()
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    return (
        "Lines: where chi passes the thresholds between the regimes. The difference of two seeds "
        "of the truth is noise, without a pattern; a surrogate's error has one."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    if view.plane is None:
        return "a grid over two swept parameters"
    return "" if _rows(view) and "surrogate" in view.sources else "features of the network"


PANEL = Panel(
    name="plane",
    title="Synchrony and rate over the plane",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
