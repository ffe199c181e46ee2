"""One self-contained HTML page from scores: no script, no request to anywhere."""

import base64
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from snnsurrogate.dataset.store import atomic
from snnsurrogate.report import _tables
from snnsurrogate.report._drawn import Drawn
from snnsurrogate.report._style import style
from snnsurrogate.report._view import Score, View, number, pretty_unit
from snnsurrogate.report.figures import NETWORK_PANELS, PANELS
from snnsurrogate.report.figures._panel import Panel

_TEMPLATE = Path(__file__).with_name("page.html")
# The tiles on top of the page, the first five that the scores have.
_HEADLINES = (
    ("bars", "bars passed, of nine"),
    ("rate_error_mean", "f-I curve, mean error"),
    ("tonic_error", "onset of lasting firing, error"),
    ("latency_rmse", "latency, rms error"),
    ("gamma_mean", "coincidence under noise"),
    ("rest_found", "maps that have the unseen rest state"),
    ("rest_position_error", "its position, median error"),
    ("rest_hopf_error", "its Hopf points, median error"),
    ("agreement", "regime agreement"),
    ("mean_recall", "mean recall per regime"),
    ("spikes_per_burst_error", "spikes per burst, error"),
    ("burst_period_error", "burst period, error"),
    ("fixed_point_error_median", "fixed point, median error"),
    ("eigenvalue_error_unstable_median", "unstable eigenvalues, error"),
)
_NETWORK_HEADLINES = (
    ("agreement_clear", "regime agreement, clear points"),
    ("population_rate_error_E_median", "E rate, median error"),
    ("chi_error_median", "chi, median error"),
    ("spectrum_distance_E_median", "spectrum, Hellinger"),
    ("event_size_distance", "event size, Wasserstein"),
    ("agreement", "regime agreement, all points"),
)
_MOST_TILES = 5


def report(
    scores: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    png: bool = True,
    more: Mapping[str, xr.Dataset] | None = None,
    figures: Sequence[Drawn] = (),
) -> Path:
    """Write the page of a set of scores.

    Args:
        scores: what `evaluate` returns. Parts may be absent (no twin, no fixed points, no traces):
            the page then says so in their place. An attribute `tables` (JSON: a list of mappings
            with `title`, `caption`, `head` and `rows` of texts) gives further tables.
        path: the HTML file, or a folder, which then gets `report.html`.
        png: also write every figure as `figures/<name>.png` beside the page.
        more: further scores as chapters of the page, by their heading; the files of their figures
            begin with it.
        figures: further figures, after those of the scores.

    Returns:
        Path of the page.

    Raises:
        ValueError: `scores`, or one of `more`, is not a scores dataset.
    """
    chapters = {"": scores} | dict(more or {})
    views = {heading: View(part) for heading, part in chapters.items()}
    for view in views.values():
        _need_scores(view)
    view = views.pop("")
    target = Path(path)
    if target.is_dir() or not target.suffix:
        target = target / "report.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.parent / "figures" if png else None
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(view.title),
        prediction=html.escape(view.prediction),
        subtitle=_subtitle(view),
        tiles=_tiles(view),
        figures="\n".join([_figures(view, folder, ""), *(_given(d, folder) for d in figures)]),
        tables=_tables.given_tables(view),
        confusion=_tables.confusion_table(view),
        boundaries=_tables.boundary_table(view),
        scores=_tables.score_table(view),
        floor_note=_floor_note(view),
        chapters="".join(_chapter(heading, part, folder) for heading, part in views.items()),
        provenance=_tables.provenance(view),
    )
    with atomic(target) as private:
        private.write_text(text, encoding="utf-8")
    return target


def _need_scores(view: View) -> None:
    if not view.scores and not view.has("regime"):
        msg = (
            f"expected the scores that evaluate() returns; got a dataset with the variables "
            f"{sorted(map(str, view.ds.data_vars))}. Call report(evaluate(truth, surrogate), path)."
        )
        raise ValueError(msg)


def _figures(view: View, folder: Path | None, prefix: str) -> str:
    """Every panel that scores of this kind have, as sections; their files in the folder."""
    sections = []
    panels = NETWORK_PANELS if view.populations else PANELS
    for panel in panels if view.sources else ():
        lack = panel.missing(view)
        if lack and panel.optional:
            continue
        image = None if lack else _draw(panel, view)
        if image is not None:
            _write(image, folder, f"{prefix}{panel.name}")
        sections.append(_section(panel, view, image, lack, prefix))
    return "\n".join(sections)


def _chapter(heading: str, view: View, folder: Path | None) -> str:
    """Further scores: a heading, their figures, tables and scores."""
    slug = "".join(c if c.isalnum() else "-" for c in heading.lower()).strip("-")
    parts = [
        f'<header class="chapter" id="{slug}"><h1>{html.escape(heading)}</h1>',
        f"<p>{_subtitle(view)}</p></header>",
        f'<div class="tiles">{_tiles(view)}</div>',
        _figures(view, folder, f"{slug}-"),
        _tables.given_tables(view),
        "<section><h2>Scores</h2>",
        _tables.confusion_table(view),
        _tables.boundary_table(view),
        _tables.score_table(view),
        f'<p class="note">{_floor_note(view)}</p></section>',
    ]
    return "\n".join(parts)


def _given(drawn: Drawn, folder: Path | None) -> str:
    """A figure that the caller brings, as a section; its file in the folder."""
    image = _png(drawn.figure)
    _write(image, folder, drawn.name)
    return _picture(drawn.name, drawn.title, image, drawn.caption)


def _write(image: bytes, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(exist_ok=True)
        with atomic(folder / f"{name}.png") as private:
            private.write_bytes(image)


def _draw(panel: Panel, view: View) -> bytes:
    with style():
        return _png(panel.draw(view))


def _png(figure: Figure) -> bytes:
    with style():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _section(panel: Panel, view: View, image: bytes | None, lack: str, prefix: str) -> str:
    if image is None:
        head = f'<section id="{prefix}{panel.name}"><h2>{html.escape(panel.title)}</h2>'
        note = f"Not drawn: it needs {html.escape(lack)}, which these scores do not hold."
        return f'{head}<p class="missing">{note}</p></section>'
    return _picture(f"{prefix}{panel.name}", panel.title, image, panel.caption(view))


def _picture(name: str, title: str, image: bytes, caption: str) -> str:
    data = base64.b64encode(image).decode("ascii")
    return (
        f'<section id="{name}"><h2>{html.escape(title)}</h2>'
        f'<figure><img alt="{html.escape(title)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure></section>"
    )


def _subtitle(view: View) -> str:
    if "sample" not in view.ds.sizes:
        return html.escape(str(view.attr("subtitle")))
    ranges = []
    for name in view.swept:
        c = view.ds[name]
        unit = pretty_unit(str(c.attrs.get("units", "")))
        low, high = number(float(c.min())), number(float(c.max()))
        ranges.append(f"{name} from {low} to {high} {unit}".strip())
    swept = ", ".join(ranges) or "one parameter point"
    made = view.ds.attrs.get("created", "")
    samples = "held-out samples" if view.prediction == "surrogate" else "samples"
    parts = [f"{view.n_sample} {samples}", swept, f"made {made}" if made else ""]
    return html.escape(" · ".join(p for p in parts if p))


def _tile(score: Score, label: str) -> str:
    unit = html.escape(pretty_unit(score.unit))
    if unit:
        unit = f"<small>{unit}</small>"
    floor = f"floor {number(score.floor)}"
    return (
        f'<div class="tile"><span>{html.escape(label)}</span>'
        f"<b>{number(score.value)} {unit}</b><span>{floor}</span></div>"
    )


def _tiles(view: View) -> str:
    by_name = {s.name: s for s in view.scores}
    headlines = _NETWORK_HEADLINES if view.populations else _HEADLINES
    tiles = [_tile(by_name[n], label) for n, label in headlines if n in by_name]
    return "".join(tiles[:_MOST_TILES])


def _floor_note(view: View) -> str:
    floors = not view.sources and any(np.isfinite(s.floor) for s in view.scores)
    if "twin" not in view.sources and not floors:
        return "No twin was given: these scores have no floor, and small numbers mean little."
    return (
        "The floor is the same score between the truth and its twin, the truth computed again with "
        "another seed or half the step: what a perfect surrogate would get. “To the floor” is the "
        "distance from the ideal in units of the floor's own distance."
    )
