"""Regime strip: the label of every sample along the swept parameter, truth over surrogate."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from snnsurrogate.report._style import GRID, INK, MISSING, WARN, new_figure, regime_colours
from snnsurrogate.report._view import View, number, pretty_unit
from snnsurrogate.report.figures._panel import Panel
from snnsurrogate.report.figures.plane import edges as cell_edges
from snnsurrogate.report.figures.plane import set_scales


def _edges(x: np.ndarray) -> np.ndarray:
    """Return cell edges half way between sorted values."""
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5])
    middle = (x[1:] + x[:-1]) / 2
    return np.concatenate([[x[0] - (middle[0] - x[0])], middle, [x[-1] + (x[-1] - middle[-1])]])


_FEW = 12  # samples that stand in a strip by name, where more than one parameter is swept


def _disagree(view: View, source: str = "surrogate") -> np.ndarray:
    """Samples whose label differs; with an ambiguous band, those across a threshold."""
    name = "regime_sharp" if "regime_sharp" in view.ds else "regime"
    truth, other = view.of(name, "truth"), view.of(name, source)
    return (truth != other) & (truth >= 0)


def _by_name(view: View) -> bool:
    return len(view.swept) != 1 and view.n_sample <= _FEW and view.plane is None


def _strip(view: View, ax: Axes) -> None:
    rows = [s for s in ("truth", "surrogate", "twin") if s in view.sources]
    named = _by_name(view)
    x = np.arange(view.n_sample, dtype=float) if named else view.x
    order = np.argsort(x, kind="stable")
    edges = _edges(x[order])
    colours = np.array([to_rgb(c) for c in (*regime_colours(view.regime_labels), MISSING)])
    height = 0.74
    for row, source in enumerate(rows):
        codes = view.of("regime", source)[order]
        codes = np.where((codes < 0) | (codes >= len(view.regime_labels)), -1, codes)
        # neighbouring cells of one regime are drawn as one bar: no hairlines between cells
        starts = np.flatnonzero(np.r_[True, np.diff(codes) != 0])
        stops = np.r_[starts[1:], len(codes)]
        for a, b in zip(starts, stops, strict=True):
            ax.barh(
                -row,
                edges[b] - edges[a],
                left=edges[a],
                height=height,
                color=colours[codes[a]],
                hatch="////" if codes[a] < 0 else None,
                edgecolor=GRID if codes[a] < 0 else "none",
                linewidth=0,
            )
    wrong = _disagree(view)
    ax.plot(
        x[wrong],
        np.full(wrong.sum(), 0.62),
        marker="v",
        linestyle="none",
        color=WARN,
        markersize=5,
        markeredgewidth=0,
        clip_on=False,
    )
    names = {s: view.name_of(s) for s in rows} | {"twin": "twin\n(noise floor)"}
    ax.set_yticks([-r for r in range(len(rows))], [names[s] for s in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-len(rows) + 0.55, 0.95)
    ax.set_xlim(edges[0], edges[-1])
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    if named:
        ax.set_xticks(x, [view.sample_name(i) for i in range(view.n_sample)])
        ax.tick_params(axis="x", length=0)
        for edge in edges[1:-1]:
            ax.axvline(edge, color="white", linewidth=2)
    else:
        ax.set_xlabel(view.x_label)
    for row, source in enumerate(rows):
        for value in view.boundaries(source).values():
            ax.plot([value, value], [-row - 0.37, -row + 0.37], color="white", linewidth=1.6)
            ax.plot([value, value], [-row - 0.37, -row + 0.37], color=INK, linewidth=0.9)
    _legend(view, ax)


def _plane(view: View, figure: Figure) -> None:
    """Two swept parameters: one map per source, misses marked."""
    a, b = view.swept[:2]
    shown = ("truth", "surrogate", "twin") if view.populations else ("truth", "surrogate")
    sources = [s for s in shown if s in view.sources]
    axes = figure.subplots(1, len(sources), sharex=True, sharey=True, squeeze=False)[0]
    colours = np.array([to_rgb(c) for c in (*regime_colours(view.regime_labels), MISSING)])
    grid = view.plane
    for ax, source in zip(axes, sources, strict=True):
        codes = view.of("regime", source).astype(int)
        if grid is None:
            ax.scatter(view.ds[a], view.ds[b], c=colours[codes], s=16, linewidths=0)
            ax.set_xlabel(view.axis_label(a))
        else:
            x, y, index = grid
            ax.pcolormesh(cell_edges(x), cell_edges(y), colours[codes[index]], linewidth=0)
            set_scales(view, ax, x, y)
            ax.grid(visible=False)
            ax.label_outer()
        ax.set_title(view.name_of(source))
        if not (view.populations or source == "surrogate"):
            continue
        wrong = _disagree(view, source)
        ax.scatter(
            view.ds[a].values[wrong],
            view.ds[b].values[wrong],
            s=44,
            facecolors="none",
            edgecolors=WARN,
            linewidths=1.2,
        )
    axes[0].set_ylabel(view.axis_label(b))
    marker = axes[0].plot([], [], "o", mfc="none", mec=WARN, markersize=6, label=_differs(view))
    figure.legend(
        handles=[*_patches(view), *marker], loc="outside upper left", ncols=7, columnspacing=1.4
    )


def _differs(view: View) -> str:
    banded = "regime_sharp" in view.ds
    return "across a threshold from the truth" if banded else "label differs from the truth"


def _patches(view: View) -> list[Artist]:
    present = {int(c) for c in np.unique(view.ds["regime"].values) if c >= 0}
    colours = regime_colours(view.regime_labels)
    return [
        Patch(color=colour, label=label)
        for code, (label, colour) in enumerate(zip(view.regime_labels, colours, strict=True))
        if code in present
    ]


def _legend(view: View, ax: Axes) -> None:
    handles = _patches(view)
    handles.append(ax.plot([], [], "v", color=WARN, markersize=5, label=_differs(view))[0])
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=len(handles),
        handlelength=1.2,
        columnspacing=1.6,
        borderaxespad=0.2,
    )


def draw(view: View) -> Figure:
    """Draw the strip, or a plane when two or more parameters vary."""
    if len(view.swept) >= 2 and not _by_name(view):
        figure = new_figure(4.2 if not view.populations else 3.6)
        _plane(view, figure)
    else:
        rows = len([s for s in view.sources if s in {"truth", "surrogate", "twin"}])
        figure = new_figure(0.95 + 0.5 * rows)
        _strip(view, figure.subplots())
    return figure


def caption(view: View) -> str:
    """Say how many samples agree, and where the boundaries lie."""
    truth = view.of("regime", "truth")
    n, wrong = int((truth >= 0).sum()), int(_disagree(view).sum())
    carry = (
        "lie on the truth's side of the thresholds"
        if "regime_sharp" in view.ds
        else ("carry the truth's label")
    )
    text = f"{n - wrong} of {n} samples {carry}."
    if "clear_samples" in view.ds:
        text += f" {int(view.ds['clear_samples'])} of them are clear: the truth is not ambiguous."
    unit = pretty_unit(str(view.ds[view.swept[0]].attrs.get("units", ""))) if view.swept else ""
    predicted = view.boundaries("surrogate")
    for name, value in view.boundaries("truth").items():
        other = predicted.get(name)
        found = f"{number(other, 6)} {unit}" if other is not None else "not found"
        arrow = name.replace("->", "→")
        text += f" Boundary {arrow}: truth {number(value, 6)} {unit}, surrogate {found}."
    return text


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.has("regime") and "surrogate" in view.sources else "regime labels of both"


PANEL = Panel(name="regimes", title="Regimes", caption=caption, missing=missing, draw=draw)
