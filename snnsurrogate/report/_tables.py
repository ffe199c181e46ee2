"""Tables of the page as HTML text: scores with floors, confusion of regimes, provenance."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from snnsurrogate.report._view import Score, View, number, pretty_unit

_ROUNDING = 1e8  # a floor that much smaller is rounding error, not noise of the truth
_LONG_LIST = 20
_LONG = 400  # characters: longer texts of the provenance fold away


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, css: str = "") -> str:
    """Return an HTML table; cells are HTML already, a head cell starting with ">" aligns right."""
    top = "".join(
        f'<th class="n">{h[1:]}</th>' if h.startswith(">") else f"<th>{h}</th>" for h in head
    )
    right = [h.startswith(">") for h in head]
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{c}</td>' if r else f"<td>{c}</td>"
            for c, r in zip(row, right, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table class="{css}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _text(label: str) -> str:
    """Return a label as HTML; "bursting -> tonic" gets an arrow."""
    return html.escape(label.replace("->", "→"))


def _ratio(score: Score) -> str:
    if np.isfinite(score.ratio) and score.ratio < _ROUNDING:
        return "at the floor" if score.ratio <= 1 else f"× {number(score.ratio, 3)}"
    return "floor is exact" if np.isfinite(score.floor) and np.isfinite(score.ideal) else "–"


def score_table(view: View) -> str:
    """Return the score table: value, floor, ratio, ideal."""
    rows = []
    for s in view.scores:
        unit = html.escape(pretty_unit(s.unit))
        rows.append(
            (
                f'<b>{_text(s.label)}</b><span class="key">{html.escape(s.name)}</span>',
                f"<b>{number(s.value)}</b>",
                unit,
                number(s.floor),
                _ratio(s),
                number(s.ideal),
            )
        )
    return table(
        ["score", ">value", "unit", ">floor", ">to the floor", ">ideal"], rows, css="score"
    )


def confusion_table(view: View) -> str:
    """Return the confusion matrix with recall; "" when the scores have none."""
    if not view.has("confusion"):
        return ""
    counts = view.ds["confusion"]
    truth, predicted = (str(d) for d in counts.dims)
    labels = [str(v) for v in counts[truth].values]
    columns = [str(v) for v in counts[predicted].values]
    recall = {n: view.ds[n].values if n in view.ds else None for n in ("recall", "recall_twin")}
    rows = []
    for i, label in enumerate(labels):
        row = [f"<b>{html.escape(label)}</b>"]
        total = float(np.nansum(counts.values[i]))
        for j, column in enumerate(columns):
            n = int(np.nan_to_num(counts.values[i, j]))
            share = n / total if total else 0.0
            colour = "0,114,178" if column == label else "192,20,60"
            shade = f"background:rgba({colour},{0.55 * share:.2f})"
            row.append(f'<span class="cell" style="{shade}">{n}</span>')
        row += [number(float(r[i])) if r is not None else "–" for r in recall.values()]
        if total or any(np.nan_to_num(counts.values[:, i])):
            rows.append(row)
    head = [
        f"truth ↓ &nbsp; {html.escape(view.prediction)} →",
        *(f">{html.escape(c)}" for c in columns),
    ]
    return table([*head, ">recall", ">recall of the twin"], rows)


def boundary_table(view: View) -> str:
    """Return the regime boundaries of every source; "" when none was located."""
    found = {s: view.boundaries(s) for s in view.sources}
    names = list(dict.fromkeys(n for values in found.values() for n in values))
    if not names:
        return ""
    unit = pretty_unit(str(view.ds[view.swept[0]].attrs.get("units", ""))) if view.swept else ""
    rows = []
    for name in names:
        truth, other = (found.get(s, {}).get(name, np.nan) for s in ("truth", "surrogate"))
        twin = found.get("twin", {}).get(name, np.nan)
        rows.append(
            (
                f"<b>{_text(name)}</b>",
                number(truth, 6),
                number(other, 6),
                number(other - truth, 3),
                number(twin - truth, 3),
            )
        )
    head = [f"boundary ({unit})" if unit else "boundary", ">truth", ">surrogate", ">difference"]
    return table([*head, ">difference of the twin"], rows)


def given_tables(view: View) -> str:
    """Return the tables that the scores carry themselves (attribute `tables`); "" without."""
    parts = []
    for given in view.attr("tables", []) or []:
        numeric = [
            all(_is_number(row[k]) for row in given["rows"]) for k in range(len(given["head"]))
        ]
        head = [(">" if n else "") + _text(h) for h, n in zip(given["head"], numeric, strict=True)]
        rows = [[_text(str(cell)) for cell in row] for row in given["rows"]]
        parts.append(
            f"<section><h2>{_text(given['title'])}</h2>{table(head, rows)}"
            f'<p class="note">{_text(given.get("caption", ""))}</p></section>'
        )
    return "".join(parts)


def _is_number(cell: Any) -> bool:
    """Whether a cell begins as a number does: such columns stand to the right."""
    text = str(cell).strip()
    return not text or text[0] in "0123456789.+−-–×±"


def _rows(entries: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> str:
    """Return mappings with common keys as a table, one row each."""
    rows = [[_value(entry.get(key, "")) for key in keys] for entry in entries]
    return table([html.escape(str(key)) for key in keys], rows)


def _value(value: Any) -> str:
    """Return a JSON value as HTML: mappings and lists of mappings become tables."""
    if isinstance(value, Mapping):
        if value and all(isinstance(v, Mapping) for v in value.values()):
            keys = list(dict.fromkeys(k for v in value.values() for k in v))
            return _rows([{"": n, **v} for n, v in value.items()], ["", *keys])
        return table(
            ["", ""],
            [(f"<b>{html.escape(str(k))}</b>", _value(v)) for k, v in value.items()],
            css="kv",
        )
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        keys = list(dict.fromkeys(k for v in value for k in v))
        if len(value) > _LONG_LIST:
            return f"<details><summary>{len(value)} entries</summary>{_rows(value, keys)}</details>"
        return _rows(value, keys)
    if isinstance(value, list | tuple):
        text = json.dumps(value) if not all(isinstance(v, str) for v in value) else ", ".join(value)
    else:
        text = str(value)
    escaped = html.escape(text)
    if "\n" in text:
        return f"<pre>{escaped}</pre>"
    if len(text) > _LONG:
        return f"<details><summary>{escaped[:60]}…</summary><code>{escaped}</code></details>"
    return escaped


def provenance(view: View) -> str:
    """Return how truth, surrogate and scores were made; the card folds away."""
    hidden = {"card", "surrogate_card", "provenance", "title"}
    attrs = {str(k): view.attr(str(k)) for k in view.ds.attrs if k not in hidden}
    known = view.card.get("truth", {}) if isinstance(view.card.get("truth"), Mapping) else {}
    first = ("system", "source", "equations", "equations_hash", "parameters")
    ordered = {k: attrs.get(k, known.get(k)) for k in first} | attrs
    parts = [
        table(
            ["", ""],
            [
                (f"<b>{html.escape(k.replace('_', ' '))}</b>", _value(v))
                for k, v in ordered.items()
                if v not in (None, "", {}, [])
            ],
            css="kv",
        )
    ]
    for name, content in (("Provenance", view.provenance), ("Surrogate card", view.card)):
        if content:
            parts.append(f"<details><summary>{name}</summary>{_value(content)}</details>")
    return "".join(parts)
