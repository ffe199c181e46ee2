"""Write the tables of docs/generalisation.md from the scores that ship in data/.

    python docs/make_generalisation.py            write
    python docs/make_generalisation.py --check    exit 1 if the page is not what the scores say

The numbers come from the full preset of the study `parameter-generalisation`
(data/parameter-generalisation/study.json); none of them is typed by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _page import BEGIN, END, table, write_or_check

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "parameter-generalisation" / "study.json"
PAGE = ROOT / "docs" / "generalisation.md"
METHODS = {
    "map": "map",
    "map-of-all-points": "map of all points",
    "lookup": "nearest point",
    "linear": "linear",
    "spline": "spline",
}
TABLES = {k: v for k, v in METHODS.items() if k != "map-of-all-points"}
HELD_OUT = ("extrapolation", "band", "regime")
SIDES = {
    "bursting": (
        "Bursting neuron",
        "mV",
        {
            "agreement": "labels right",
            "mean_recall": "mean recall",
            "rate_error_median": "rate, median error",
            "spikes_per_burst_error_median": "spikes per burst, median error",
        },
    ),
    "network": (
        "Network",
        "%",
        {
            "agreement": "labels right",
            "agreement_clear": "labels right, clear points",
            "mean_recall": "mean recall",
            "chi_error_median": "chi, median error",
            "rate_E_error_median": "E rate, median error",
        },
    ),
}

Scores = dict[str, dict[str, Any]]


def number(value: float | None, unit: str = "1") -> str:
    """A number for people, shares in percent; a dash where there is none."""
    if value is None:
        return "–"
    if unit == "1":
        return f"{100 * value:.1f} %"
    return (f"{value:.2g}" if value < 10 else f"{value:.0f}") + f" {unit}"


def cell(scores: Scores, key: str) -> str:
    """Median over the seeds, extremes in brackets where they differ."""
    entry = scores.get(key)
    if entry is None:
        return ""
    unit = entry["unit"]
    ends = [number(entry.get(end), unit).rsplit(" ", 1)[0] for end in ("min", "max")]
    text = number(entry["value"], unit)
    return text if ends[0] == ends[1] else f"{text} ({ends[0]}–{ends[1]})"


def floor(scores: Scores, key: str) -> str:
    """What the twin of the truth has."""
    entry = scores[key]
    return number(entry["floor"], entry["unit"])


def count(scores: Scores, key: str) -> str:
    """A whole number."""
    return f"{scores[key]['value']:.0f}"


def by_split(scores: Scores, side: str) -> list[str]:
    """Coverage and feature errors in every held-out part, and between the training points."""
    rows = []
    for name in ("interpolation", *HELD_OUT):
        prefix = f"{side}.{name}"
        seen = count(scores, f"{prefix}.training_points")
        samples = count(scores, f"{prefix}.map.{name}.samples")
        for measure, words in SIDES[side][2].items():
            key = f"{name}.{measure}"
            entry = scores.get(f"{prefix}.map.{key}")
            if entry is None or entry["value"] is None:
                continue
            cells = [cell(scores, f"{prefix}.{m}.{key}") for m in METHODS]
            label = f"**{name}** ({seen} training points, {samples} test points)"
            row = [label if measure == "agreement" else "", words]
            rows.append([*row, *cells, floor(scores, f"{prefix}.map.{key}")])
    return table(["part", "", *METHODS.values(), "twin"], rows)


def elsewhere(scores: Scores, side: str) -> list[str]:
    """Labels of the same trainings at the points that they did not hold out."""
    rows = []
    for name in HELD_OUT:
        key = f"{side}.{name}.map.interpolation.agreement"
        rows.append([name, cell(scores, f"{side}.{name}.map.{name}.agreement"), cell(scores, key)])
    return table(["training without", "labels right there", "at all other test points"], rows)


def boundaries(scores: Scores, side: str) -> list[str]:
    """Errors of boundaries along the lines: the map by training, the tables of all points."""
    start = f"{side}.interpolation.map."
    trainings = {"interpolation": "map of all points"} | {k: f"without {k}" for k in HELD_OUT}
    tables = {k: v for k, v in TABLES.items() if k != "map"}
    rows = []
    for key in (k for k in scores if k.startswith(f"{start}boundary[")):
        inner = key.removeprefix(start)
        words = inner.removeprefix("boundary[").removesuffix("]").replace("->", "→")
        cells = [cell(scores, f"{side}.{name}.map.{inner}") for name in trainings]
        cells += [cell(scores, f"{side}.interpolation.{m}.{inner}") for m in tables]
        rows.append([words, *cells, floor(scores, key)])
    return table(["boundary", *trainings.values(), *tables.values(), "twin"], rows)


def by_points(scores: Scores, side: str) -> list[str]:
    """Coverage against the number of training points."""
    few = [
        k.split(".")[1]
        for k in scores
        if k.startswith(f"{side}.points-") and k.endswith(".training_points")
    ]
    feature = list(SIDES[side][2])[-2 if side == "network" else 2]
    rows = []
    for name in (*few, "interpolation"):
        seen = count(scores, f"{side}.{name}.training_points")
        for measure in ("agreement", "mean_recall", feature):
            key = f"interpolation.{measure}"
            cells = [cell(scores, f"{side}.{name}.{m}.{key}") for m in TABLES]
            row = [seen if measure == "agreement" else "", SIDES[side][2][measure], *cells]
            rows.append([*row, floor(scores, f"{side}.{name}.map.{key}")])
    return table(["training points", "", *TABLES.values(), "twin"], rows)


def by_distance(scores: Scores, side: str) -> list[str]:
    """Wrong labels and errors in bins of the distance to the nearest training point."""
    rows = []
    kinds = {f"{m}-{n}": f"{words}, {n} points" for n in (30, 300) for m, words in TABLES.items()}
    for method, words in (kinds | {"held-out": "map, held-out parts"}).items():
        start = f"{side}.distance.{method}."
        bins = sorted(
            {int(k.removeprefix(start).split(".")[0]) for k in scores if k.startswith(start)}
        )
        parts = []
        for k in bins:
            d, wrong, error = (
                scores[f"{start}{k}.{what}"]["value"] for what in ("distance", "wrong", "error")
            )
            shown = "–" if error is None else f"{error:.2g} %"
            parts.append(f"{d:.3f}: {100 * wrong:.0f} %, {shown}")
        rows.append([words, *parts])
    width = max(len(row) for row in rows) - 1
    rows = [row + [""] * (width + 1 - len(row)) for row in rows]
    return table(["distance: wrong labels, median error", *[""] * width], rows)


def side_block(scores: Scores, side: str) -> list[str]:
    """Everything of one system."""
    title, unit, _ = SIDES[side]
    seeds = scores[f"{side}.interpolation.map.interpolation.agreement"]["seeds"]
    return [
        f"## {title}",
        "",
        "Maps: one training seed."
        if seeds == 1
        else f"Maps: median of {seeds} training seeds (extremes).",
        "",
        *by_split(scores, side),
        f"![Planes](images/generalisation-{side}-splits.png)",
        "",
        "What a held-out part costs at the points around it:",
        "",
        *elsewhere(scores, side),
        f"Boundaries, errors in {unit} (a boundary that is not there: the whole line):",
        "",
        *boundaries(scores, side),
        "Against the number of training points, at all test points:",
        "",
        *by_points(scores, side),
        "Against the distance to the nearest training point, in bins of equal counts:",
        "",
        *by_distance(scores, side),
        f"![Curves](images/generalisation-{side}-learning.png)",
        "",
    ]


def block() -> str:
    """What stands between the marks."""
    scores: Scores = json.loads(STUDY.read_text())
    lines = [f"{BEGIN}; written by docs/make_generalisation.py -->"]
    for side in SIDES:
        lines += side_block(scores, side)
    return "\n".join([*lines, END])


if __name__ == "__main__":
    raise SystemExit(write_or_check(PAGE, block(), script=Path(__file__).name))
