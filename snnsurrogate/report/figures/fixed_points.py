"""Branch of fixed points with its stability and eigenvalues, surrogate over truth."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from snnsurrogate.report._style import MUTED, SOURCE, new_figure, panel_letter
from snnsurrogate.report._view import View, number, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel

_MARKS = 45  # surrogate markers along the branch: more would hide the line beneath


def _stable(real: np.ndarray) -> np.ndarray:
    return np.all(real < 0, axis=-1)


def _masked(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return values with NaN where not kept, one neighbour kept so that line pieces touch."""
    wide = keep | np.r_[keep[1:], False]
    return np.where(wide, values, np.nan)


def _branch(view: View, ax: Axes, x: np.ndarray, order: np.ndarray, thin: np.ndarray) -> None:
    state = view.states[0]
    position = {s: view.of("fp_state", s)[order, 0] for s in ("truth", "surrogate")}
    stable = {s: _stable(view.of("fp_eigenvalue_real", s)[order]) for s in position}
    for keep, line, label in (
        (stable["truth"], "-", "truth, stable"),
        (~stable["truth"], (0, (4, 2)), "truth, unstable"),
    ):
        if keep.any():
            ax.plot(
                x,
                _masked(position["truth"], keep),
                color=SOURCE["truth"],
                linestyle=line,
                linewidth=1.6,
                label=label,
            )
    for keep, face, label in (
        (stable["surrogate"], SOURCE["surrogate"], "surrogate, stable"),
        (~stable["surrogate"], "none", "surrogate, unstable"),
    ):
        chosen = keep & thin & np.isfinite(position["surrogate"])
        if chosen.any():
            ax.plot(
                x[chosen],
                position["surrogate"][chosen],
                linestyle="none",
                marker="o",
                markersize=5,
                markerfacecolor=face,
                markeredgecolor=SOURCE["surrogate"],
                label=label,
            )
    ax.set_title("fixed point")
    ax.set_ylabel(with_unit(f"{symbol(state)}*", view.state_unit(state)))
    ax.legend(loc="best")


def _position_error(view: View, ax: Axes, x: np.ndarray, order: np.ndarray) -> None:
    state = view.states[0]
    unit = view.state_unit(state)

    def error(source: str) -> np.ndarray:
        return np.abs(view.of("fp_state", source) - view.of("fp_state", "truth"))[order, 0]

    difference = error("surrogate")
    ax.semilogy(x, difference, color=SOURCE["surrogate"], linewidth=1.3, label="surrogate")
    if "twin" in view.sources:
        floor = error("twin")
        worst, least = np.nanmax(floor, initial=0), np.nanmin(difference[difference > 0], initial=1)
        if worst > 1e-2 * least:
            ax.semilogy(x, floor, color=SOURCE["twin"], linewidth=1, label="twin (floor)")
            ax.legend(loc="best")
        else:  # drawn, it would press everything else into the top of the axes
            text = f"floor (twin): at most {number(float(worst), 3)} {unit}"
            ax.set_title(text, loc="right", fontsize=8.5, fontweight="normal", color=MUTED)
    ax.set_title("error of its position")
    ax.set_ylabel(with_unit(f"|Δ{symbol(state)}*|", unit))


def _rate_axis(ax: Axes, rates: np.ndarray) -> None:
    """Scale the axis: rates that differ by decades need one that is logarithmic off zero."""
    low, high = min(rates.min(), 0.0), max(rates.max(), 0.0)
    size = np.abs(rates)
    largest = size.max(initial=1e-300)
    small = max(np.quantile(size, 0.05), largest * 1e-4)
    if largest / small < 50:
        margin = 0.15 * (high - low)
        ax.set_ylim(low - margin, high + margin)
        return
    lowest, highest = np.round(np.log10(small)), np.round(np.log10(largest))
    ax.set_yscale("symlog", linthresh=10.0**lowest, linscale=0.5)
    decades = 10.0 ** np.arange(lowest, highest + 1)
    ax.set_yticks([*-decades[::-1], 0, *decades])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}".replace("-", "−")))
    ax.yaxis.set_minor_locator(NullLocator())
    least = 10.0**lowest
    ax.set_ylim(min(2.2 * low, -least), max(2.2 * high, least))


def _eigenvalues(view: View, ax: Axes, x: np.ndarray, order: np.ndarray, thin: np.ndarray) -> None:
    real = {s: view.of("fp_eigenvalue_real", s)[order] for s in ("truth", "surrogate")}
    for mode in range(real["truth"].shape[1]):
        first = mode == 0
        ax.plot(
            x, real["truth"][:, mode], color=SOURCE["truth"], lw=1.5, label="truth" if first else ""
        )
        ax.plot(
            x[thin],
            real["surrogate"][thin, mode],
            linestyle="none",
            marker="o",
            markersize=3.6,
            markerfacecolor="none",
            markeredgewidth=0.9,
            color=SOURCE["surrogate"],
            label="surrogate" if first else "",
        )
    _rate_axis(ax, real["truth"][np.isfinite(real["truth"])])
    ax.axhline(0, color="#9aa3af", linewidth=0.8)
    ax.set_title("eigenvalues, real part")
    ax.set_ylabel(with_unit("Re λ", str(view.ds["fp_eigenvalue_real"].attrs.get("units", ""))))
    ax.legend(loc="best")


def _eigenvalue_error(view: View, ax: Axes, x: np.ndarray, order: np.ndarray) -> None:
    values = {
        s: (view.of("fp_eigenvalue_real", s) + 1j * view.of("fp_eigenvalue_imag", s))[order]
        for s in ("truth", "surrogate")
    }
    size = np.abs(values["truth"])
    relative = (
        100 * np.abs(values["surrogate"] - values["truth"]) / np.where(size > 0, size, np.nan)
    )
    unstable = values["truth"].real >= 0
    for mode in range(relative.shape[1]):
        for keep, line, colour in ((unstable, "-", "#0072b2"), (~unstable, "--", "#8d99ab")):
            part = _masked(relative[:, mode], keep[:, mode])
            if np.isfinite(part).any():
                ax.semilogy(x, part, color=colour, linestyle=line, linewidth=1.3)
    ax.plot([], [], color="#0072b2", label="unstable directions")
    ax.plot([], [], color="#8d99ab", linestyle="--", label="stable directions")
    ax.set_title("relative error of the eigenvalues")
    ax.set_ylabel("|Δλ| / |λ| (%)")
    ax.legend(loc="best")


def draw(view: View) -> Figure:
    """Draw branch, position error, eigenvalues and their error."""
    order = view.order
    x = view.x[order]
    thin = np.zeros(len(x), dtype=bool)
    thin[np.unique(np.linspace(0, len(x) - 1, min(_MARKS, len(x))).round().astype(int))] = True
    figure = new_figure(6.0)
    axes = figure.subplots(2, 2, sharex=True)
    _branch(view, axes[0, 0], x, order, thin)
    _position_error(view, axes[0, 1], x, order)
    _eigenvalues(view, axes[1, 0], x, order, thin)
    _eigenvalue_error(view, axes[1, 1], x, order)
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        panel_letter(ax, letter)
    for ax in axes[1]:
        ax.set_xlabel(view.x_label)
    return figure


def caption(view: View) -> str:
    """Say what is compared, and how often the point was found."""
    found = np.isfinite(view.of("fp_state", "surrogate")[:, 0])
    return (
        f"Fixed point of the surrogate found at {int(found.sum())} of {len(found)} samples. "
        "Eigenvalues are rates (for a map of step Δt: log of the multiplier over Δt), so that "
        "equations and map stand on one axis. A stable branch is drawn solid and filled."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    if len(view.swept) > 1:
        return "a single swept parameter"
    names = ("fp_state", "fp_eigenvalue_real", "fp_eigenvalue_imag")
    return "" if view.has(*names) else "fixed points"


PANEL = Panel(
    name="fixed_points",
    title="Fixed points and eigenvalues",
    caption=caption,
    missing=missing,
    draw=draw,
)
