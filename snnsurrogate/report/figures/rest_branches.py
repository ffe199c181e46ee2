"""Fixed points of many maps beside the equations: position, leading eigenvalue, error."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate.report._style import INK, MUTED, SOURCE, new_figure, panel_letter
from snnsurrogate.report._view import View, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel

_STABLE = "#0072b2"
WORDS = {
    "transients": "oscillations with transients",
    "attractor": "attractor alone",
    "control": "control: monostable neuron",
}


def _masked(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    return np.where(keep, values, np.nan)


def _lines(ax: Axes, x: np.ndarray, y: np.ndarray, stable: np.ndarray) -> None:
    """Every map as a thin line, coloured where its fixed point is stable."""
    for row, solid in zip(y, stable, strict=True):
        ax.plot(x, row, color=SOURCE["surrogate"], lw=0.8, alpha=0.7)
        ax.plot(x, _masked(row, solid), color=_STABLE, lw=2.0, alpha=0.7)


def _truth(ax: Axes, x: np.ndarray, y: np.ndarray, stable: np.ndarray) -> None:
    ax.plot(x, _masked(y, ~stable), color=INK, lw=1.3, linestyle=(0, (4, 2)))
    ax.plot(x, _masked(y, stable), color=INK, lw=1.3)


def draw(view: View) -> Figure:
    """Draw one column per protocol."""
    ds = view.ds
    x = ds["rest_value"].values
    unit = str(ds["rest_value"].attrs.get("units", ""))
    protocols = [str(name) for name in ds["rest_protocol"].values]
    of = ds["rest_run_protocol"].values.astype(str)
    figure = new_figure(7.2)
    axes = figure.subplots(3, len(protocols), sharex=True, sharey="row", squeeze=False)
    for k, name in enumerate(protocols):
        state, leading = (ds[f"rest_{part}"].values[of == name] for part in ("state", "leading"))
        exact, rate = (ds[f"rest_{part}_truth"].values[k] for part in ("state", "leading"))
        window = rate < 0
        for ax in axes[:, k]:
            if window.any():
                ax.axvspan(x[window].min(), x[window].max(), color="#e8f1f8", zorder=0)
        _lines(axes[0, k], x, state, leading < 0)
        _truth(axes[0, k], x, exact, window)
        _lines(axes[1, k], x, leading, leading < 0)
        _truth(axes[1, k], x, rate, window)
        axes[1, k].axhline(0, color="#9aa3af", lw=0.8)
        axes[1, k].set_yscale("symlog", linthresh=0.1, linscale=0.5)
        error = np.abs(state - exact)
        for row, solid in zip(error, leading < 0, strict=True):
            axes[2, k].semilogy(x, row, color=SOURCE["surrogate"], lw=0.8, alpha=0.6)
            axes[2, k].semilogy(x, _masked(row, solid), color=_STABLE, lw=1.4, alpha=0.7)
        axes[0, k].set_title(WORDS.get(name, name), fontsize=9)
        count = f"{len(state)} maps" if len(state) > 1 else "1 map"
        axes[2, k].annotate(
            count, (0.03, 0.93), xycoords="axes fraction", color=MUTED, fontsize=8.5, va="top"
        )
        axes[2, k].set_xlabel(with_unit(symbol(view.swept[0]) if view.swept else "", unit))
        panel_letter(axes[0, k], "abc"[k] if k < 3 else "")
    name = symbol(view.states[0]) if view.states else "state"
    axes[0, 0].set_ylabel(with_unit(f"{name}*", str(ds["rest_state"].attrs.get("units", ""))))
    rate_unit = str(ds["rest_leading"].attrs.get("units", ""))
    axes[1, 0].set_ylabel(with_unit("largest Re λ", rate_unit))
    axes[2, 0].set_ylabel(with_unit(f"|Δ{name}*|", str(ds["rest_state"].attrs.get("units", ""))))
    axes[0, 0].plot([], [], color=INK, label="equations (dashed: unstable)")
    axes[0, 0].plot([], [], color=SOURCE["surrogate"], lw=0.8, label="maps, unstable")
    axes[0, 0].plot([], [], color=_STABLE, lw=2, label="maps, stable")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    axes[2, 0].set_ylim(bottom=1e-6)
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    return (
        "Fixed point of every trained map along the parameter: position (above), largest real part "
        "of its eigenvalues (middle; below zero it is a stable rest state) and error of the "
        "position. Shaded: where the equations have a stable rest state. No map was trained on a "
        "state of that branch or of its basin."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.has("rest_state", "rest_leading", "rest_state_truth") else "an unseen branch"


PANEL = Panel(
    name="rest_branches",
    title="The branch that was not shown",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
