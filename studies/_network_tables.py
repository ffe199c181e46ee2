"""Tables of the study network-surrogate: scores beside their floor, and what they have to reach."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

Flat = dict[str, dict[str, Any]]

# score -> words, what median and largest have to reach, what to try for
ERRORS: dict[str, tuple[str, tuple[float, float], tuple[float, float]]] = {
    "population_rate_error_E": ("E rate, error (%)", (0.7, 4.0), (0.4, 2.0)),
    "population_rate_error_I": ("I rate, error (%)", (0.35, 1.2), (0.2, 0.8)),
    "ssi_error": ("synchrony index (1 ms), error (%)", (1.5, 6.0), (1.0, 3.0)),
    "chi_error": ("chi, error (%)", (1.5, 6.0), (1.0, 3.0)),
    "spectrum_distance_E": ("spectrum of E, Hellinger", (0.042, 0.10), (0.035, 0.07)),
}
FRESH = {"ssi_error": (1.5, 8.0), "chi_error": (1.5, 7.0)}  # where more is allowed
EVENTS = {
    "event_size": "event size, Wasserstein over the floor",
    "event_duration": "event duration, Wasserstein over the floor",
    "event_interval": "event interval, Wasserstein over the floor",
}
EVENT_GOALS = (1.2, 1.05)
LABELS = {
    "labels_differing_clear": ("labels missed, clear points", 0.0, 0.0),
    "labels_differing": ("labels missed, all points", 1.0, 0.0),
}


def with_ratios(flat: Flat) -> Flat:
    """The scores, and those of events over their floor."""
    found = dict(flat)
    for name in EVENTS:
        entry = flat[f"{name}_distance"]
        known = entry["value"] is not None and entry["floor"]
        ratio = entry["value"] / entry["floor"] if known else None
        found[f"{name}_ratio"] = {"value": ratio, "unit": "1", "floor": 1.0}
    return found


def over_seeds(flats: Sequence[Flat]) -> Flat:
    """Median of every score over the seeds; of a largest error the largest. All values beside."""
    merged = {}
    for key, entry in flats[0].items():
        values = [flat[key]["value"] for flat in flats]
        known = [v for v in values if v is not None]
        combine = max if key.endswith("_max") else np.median
        merged[key] = {
            **entry,
            "value": float(combine(known)) if known else None,
            "min": min(known, default=None),
            "max": max(known, default=None),
            "values": values,
        }
    return merged


def judged(flat: Flat, *, fresh: bool = False) -> Flat:
    """The scores with what they have to reach, and whether they do."""
    goals: dict[str, tuple[float, float]] = {}
    for name, (_, reach, hope) in ERRORS.items():
        reach = FRESH.get(name, reach) if fresh else reach
        for k, end in enumerate(("median", "max")):
            goals[f"{name}_{end}"] = (reach[k], hope[k])
    goals |= {f"{name}_ratio": EVENT_GOALS for name in EVENTS}
    goals |= {name: (reach, hope) for name, (_, reach, hope) in LABELS.items()}
    found = dict(flat)
    for name, (reach, hope) in goals.items():
        entry = flat[name]
        # labels have to hold for every seed; errors are judged by what `over_seeds` made of them
        shown = entry.get("max") if name in LABELS else entry["value"]
        value = np.inf if shown is None else shown
        found[name] = {
            **entry,
            "target": reach,
            "met": bool(value <= reach),
            "hope": hope,
            "hope_met": bool(value <= hope),
        }
    return found


def number(value: float | None) -> str:
    """Three significant digits; a dash where there is nothing."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.3g}"


def pair(flat: Flat, name: str, part: str | int = "value") -> str:
    """Median and largest of an error; of one seed where ``part`` is its position."""

    def pick(end: str) -> float | None:
        entry = flat[f"{name}_{end}"]
        return entry["values"][part] if isinstance(part, int) else entry[part]

    return f"{number(pick('median'))} / {number(pick('max'))}"


def seed_table(flat: Flat, title: str, seeds: Sequence[int], caption: str) -> dict[str, Any]:
    """One column per training seed, the floor before and the goals behind."""
    rows = []

    def row(words: str, cells: list[str], goals: list[str], met: bool, hope: bool) -> None:
        rows.append([words, *cells, *goals, "both" if hope else "met" if met else "missed"])

    every = range(len(seeds))
    for name, (words, *_) in ERRORS.items():
        ends = [flat[f"{name}_{end}"] for end in ("median", "max")]
        cells = [pair(flat, name, "floor"), *(pair(flat, name, k) for k in every), pair(flat, name)]
        goals = [" / ".join(f"{e[goal]:g}" for e in ends) for goal in ("target", "hope")]
        row(words, cells, goals, *(all(e[k] for e in ends) for k in ("met", "hope_met")))
    singles = {f"{name}_ratio": words for name, words in EVENTS.items()}
    singles |= {name: words for name, (words, *_) in LABELS.items()}
    for name, words in singles.items():
        entry = flat[name]
        cells = [number(v) for v in (entry["floor"], *entry["values"], entry["value"])]
        goals = [f"{entry[goal]:g}" for goal in ("target", "hope")]
        row(words, cells, goals, entry["met"], entry["hope_met"])
    head = ["median / largest", "truth against twin", *(f"seed {s}" for s in seeds)]
    head += ["seeds: median / largest", "to reach", "then try for", "reached"]
    return {"title": title, "caption": caption, "head": head, "rows": rows}


def beside_table(columns: Mapping[str, Flat], title: str, caption: str) -> dict[str, Any]:
    """One column per thing that predicts: the surrogate and what it has to beat."""
    rows = []
    for name, (words, *_) in ERRORS.items():
        rows.append([words, *(pair(flat, name) for flat in columns.values())])
    for name, words in EVENTS.items():
        rows.append([words, *(number(f[f"{name}_ratio"]["value"]) for f in columns.values())])
    for name, (words, *_) in LABELS.items():
        rows.append([words, *(number(f[name]["value"]) for f in columns.values())])
    rows.append(
        ["runs that failed", *(number(flat["diverged"]["value"]) for flat in columns.values())]
    )
    return {
        "title": title,
        "caption": caption,
        "head": ["median / largest", *columns],
        "rows": rows,
    }


def breakdown(scores: xr.Dataset) -> tuple[dict[str, Any], Flat]:
    """Labels and chi where a whole regime was left out of the training, by the truth's chi."""
    truth, learned = (scores["chi"].sel(source=s).values for s in ("truth", "surrogate"))
    sides = [scores["regime_sharp"].sel(source=s).values for s in ("truth", "surrogate")]
    ends = (0.0, 0.45, 0.8, 1.0, 1.2, 1.5, np.inf)
    rows, flat = [], {}
    off = 100 * (learned / truth - 1)
    rate = scores["sample_population_rate_error_E"].sel(source="surrogate").values
    for low, high in zip(ends, ends[1:], strict=False):
        inside = (truth >= low) & (truth < high)
        if not inside.any():
            continue
        right = float((sides[0] == sides[1])[inside].mean())
        words = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"
        middle = float(np.median(off[inside]))
        largest = float(off[inside][np.argmax(abs(off[inside]))])
        rates = float(np.median(rate[inside]))
        cells = [f"{100 * right:.0f}", f"{middle:+.1f}", f"{largest:+.1f}", f"{rates:.2f}"]
        rows.append([words, str(int(inside.sum())), *cells])
        for key, value, unit in (
            ("points", float(inside.sum()), "1"),
            ("labels", right, "1"),
            ("chi_off_median", middle, "%"),
            ("chi_off_largest", largest, "%"),
            ("rate_error_E_median", rates, "%"),
        ):
            flat[f"chi[{words}].{key}"] = {"value": value, "unit": unit, "floor": None}
    unseen = truth >= 1.0
    if unseen.any():
        share = float((sides[0] == sides[1])[unseen].mean())
        entry = {"value": share, "unit": "1", "floor": 1.0, "hope": 0.8, "hope_met": share >= 0.8}
        flat["unseen_labels"] = entry
    head = ["chi of the truth", "points", "labels right (%)", "chi off, median (%)"]
    head += ["chi off, largest (%)", "E rate error, median (%)"]
    caption = "Trained without every record whose chi is 1 or more. Tested on the plane of tau_EE "
    caption += "and S_EE, the held-out points and the presets."
    title = "A regime that was left out of the training"
    return {"title": title, "caption": caption, "head": head, "rows": rows}, flat


def attach(scores: xr.Dataset, tables: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """The scores with further tables for the page."""
    return scores.assign_attrs(tables=json.dumps(list(tables)))
