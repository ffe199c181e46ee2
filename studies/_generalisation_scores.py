"""Scores of the study parameter-generalisation: what is held out, tables to beat, page material."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

gen = sns.generalisation
WORDS = {
    "map": "map",
    "lookup": "nearest point",
    "linear": "linear interpolation",
    "spline": "spline interpolation",
    "held-out": "map, held-out parts",
    "twin": "twin (floor)",
}
BINS = 6


def experiments(side: SimpleNamespace, points: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """Name of a training -> rules of what it does not see; the last number is all points."""
    few = {f"points-{n}": {"left-out": sns.splits.After(n)} for n in points[:-1]}
    return few | {"interpolation": {}} | {name: {name: r} for name, r in side.held_out.items()}


def parts(side: SimpleNamespace, name: str) -> np.ndarray:
    """Part of every test point: held out by a training's rule, or between training points."""
    rules = {name: side.held_out[name]} if name in side.held_out else {}
    assigned = sns.splits.assign(side.test, rules, rest="interpolation")
    return np.array(sns.splits.parts_of(assigned))[assigned["split"].values]


def training(side: SimpleNamespace, rules: dict[str, Any]) -> SimpleNamespace:
    """Datasets of a training, and the table of its points that lookup and interpolation know."""
    pool = sns.splits.assign(side.pool, rules)
    seen = pool["split"].values == 0
    train = [sns.splits.part(sns.splits.assign_like(ds, pool), "train") for ds in side.train]
    return SimpleNamespace(train=train, known=side.known.isel(sample=seen), seen=seen)


def guesses(side: SimpleNamespace, known: xr.Dataset) -> dict[str, list[xr.Dataset]]:
    """Tables to beat on the test points and on every line."""
    targets = [side.truth, *(truth for _, _, truth, _ in side.lines)]
    return {
        "lookup": [gen.looked_up(known, at, side.box) for at in targets],
        "linear": [side.finish(gen.interpolated(known, at, side.box)) for at in targets],
        "spline": [
            side.finish(gen.interpolated(known, at, side.box, method="spline")) for at in targets
        ],
    }


def relative(truth: xr.Dataset, guess: xr.Dataset, feature: str) -> np.ndarray:
    """Error in percent, 100 at most and where the guess has no such feature."""
    return gen.percent(truth[feature].values, guess[feature].values)


def score(side: SimpleNamespace, where: np.ndarray, guess: list[xr.Dataset]) -> dict[str, Any]:
    """Flat scores of one guess: `<part>.<measure>`, and boundaries on the lines."""
    truth, got, count = side.truth, guess[0], len(side.classes)
    flat: dict[str, tuple[float, str]] = {}
    code = truth["code"].values
    table = gen.coverage_by(where, code, got["code"].values, n_regimes=count)
    clear = None
    if "clear" in truth:
        held = np.where(truth["clear"].values == 1, code, -1)
        clear = gen.coverage_by(where, held, got["code"].values, n_regimes=count)
    wrong = {name: gen.error_by(where, relative(truth, got, name)) for name in side.features}
    for part in table["part"].values:
        at = {"part": part}
        for name in ("samples", "agreement", "mean_recall"):
            flat[f"{part}.{name}"] = float(table[name].sel(at)), "1"
        if clear is not None:
            flat[f"{part}.agreement_clear"] = float(clear["agreement"].sel(at)), "1"
        for name, errors in wrong.items():
            for how in ("median", "max"):
                flat[f"{part}.{name}_error_{how}"] = float(errors[how].sel(at)), "%"
    unit = "%" if "clear" in truth else "mV"
    for (line, ds, own, _), found in zip(side.lines, guess[1:], strict=True):
        for name, error in side.boundaries(ds, own, found).items():
            flat[f"boundary[{line}, {name}]"] = error, unit
    return flat


def over_seeds(flats: list[dict[str, Any]], floor: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Median and extremes over the seeds, with the twin's value as the floor."""

    def number(value: float | None) -> float | None:
        return float(value) if value is not None and np.isfinite(value) else None

    merged = {}
    for key, (_, unit) in flats[0].items():
        values = [flat[key][0] for flat in flats]
        merged[key] = {
            "value": number(np.median(values)),
            "unit": unit,
            "floor": number(floor[key][0]) if key in floor else None,
            "min": number(np.min(values)),
            "max": number(np.max(values)),
            "seeds": len(flats),
        }
    return merged


def summarised(side: SimpleNamespace, runs: dict[str, SimpleNamespace]) -> dict[str, Any]:
    """Every score of a side: `<side>.<training>.<method>.<part>.<measure>`.

    Args:
        side: what `prepare` of a side returns.
        runs: training -> `guess` (method -> list over seeds of tables), `seen` and `known`.
    """
    flat: dict[str, Any] = {}
    again = [side.again, *(twin for _, _, _, twin in side.lines)]
    for name, run in runs.items():
        where = parts(side, name)
        floor = score(side, where, again)
        methods = {k: [score(side, where, one) for one in v] for k, v in run.guess.items()}
        if name in side.held_out:  # the same points, seen in training
            maps = runs["interpolation"].guess["map"]
            methods["map-of-all-points"] = [score(side, where, one) for one in maps]
        flat[f"{side.name}.{name}.training_points"] = {
            "value": float(run.seen.sum()), "unit": "1", "floor": None,
        }  # fmt: skip
        for method, flats in methods.items():
            merged = over_seeds(flats, floor)
            flat |= {f"{side.name}.{name}.{method}.{key}": e for key, e in merged.items()}
    for method, curve in by_distance(side, runs).items():
        for k in range(curve.sizes["bin"]):
            for key, unit in (("distance", "1"), ("wrong", "1"), ("error", "%"), ("samples", "1")):
                value = float(curve[key][k])
                entry = {"value": value if np.isfinite(value) else None, "unit": unit}
                flat[f"{side.name}.distance.{method}.{k}.{key}"] = entry | {"floor": None}
    return flat


def by_distance(side: SimpleNamespace, runs: dict[str, SimpleNamespace]) -> dict[str, xr.Dataset]:
    """Share of wrong labels and median error against the distance to the nearest training point.

    One curve per method and number of training points (`map-30`), for trainings on points of the
    whole box; `held-out` is the map at the points that a training held out.
    """
    rows: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for name, run in runs.items():
        apart = gen.distance(run.known, side.truth, side.box)
        held = parts(side, name) == name if name in side.held_out else np.ones(apart.size, bool)
        for method, every in run.guess.items():
            if name in side.held_out and method != "map":
                continue
            kind = "held-out" if name in side.held_out else f"{method}-{run.seen.sum()}"
            for guess in every:
                wrong = (guess[0]["code"].values != side.truth["code"].values).astype(float)
                error = relative(side.truth, guess[0], side.main_error)
                rows.setdefault(kind, []).append((apart[held], wrong[held], error[held]))
    found = {}
    for kind, entries in rows.items():
        apart, wrong, error = (np.concatenate(column) for column in zip(*entries, strict=True))
        label, size = gen.against(apart, wrong, bins=BINS), gen.against(apart, error, bins=BINS)
        found[kind] = xr.Dataset(
            {
                "distance": label["distance"],
                "samples": label["samples"],
                "wrong": label["mean"],
                "error_distance": size["distance"],
                "error": size["median"],
            }
        )
    return found


def page(
    side: SimpleNamespace, runs: dict[str, SimpleNamespace], flat: dict[str, Any], points: Any
) -> xr.Dataset:
    """Variables and tables of the page: planes by split, curves, tables."""
    shown = ["interpolation", *side.held_out]
    names = ["interpolation", *side.held_out]
    where = np.stack([[names.index(p) for p in parts(side, e)] for e in shown])
    truth = side.truth["code"].values
    right = [
        np.mean([one[0]["code"].values == truth for one in runs[e].guess["map"]], axis=0)
        for e in shown
    ]
    x, y = side.plane
    found: dict[str, Any] = {
        "split_part": (("training", "sample"), where.astype(np.int8), {"parts": " ".join(names)}),
        "split_right": (("training", "sample"), np.stack(right), {"units": "1"}),
        "split_seen": (("training", "known"), np.stack([runs[e].seen for e in shown])),
        "known_x": ("known", side.known[x].values),
        "known_y": ("known", side.known[y].values),
    }
    methods = [m for m in WORDS if m in runs["interpolation"].guess]
    sizes = [*(f"points-{n}" for n in points[:-1]), "interpolation"]
    ends = {"": "value", "_low": "min", "_high": "max"}
    for suffix, key in ends.items():
        rows = [
            [flat[f"{side.name}.{e}.{m}.interpolation.mean_recall"][key] for e in sizes]
            for m in methods
        ]
        found[f"coverage_curve{suffix}"] = (("curve", "training_points"), np.array(rows, float))
    floor = flat[f"{side.name}.interpolation.map.interpolation.mean_recall"]["floor"]
    found["coverage_floor"] = ((), floor)
    number = points[min(1, len(points) - 1)]  # few, so that the distances spread
    every = by_distance(side, runs)
    curves = {k: every.get(f"{k}-{number}", every.get(k)) for k in WORDS}
    curves = {k: curve for k, curve in curves.items() if curve is not None}
    kinds = list(curves)
    for key in ("distance", "wrong", "error_distance", "error"):
        width = max(c.sizes["bin"] for c in curves.values())
        values = np.full((len(kinds), width), np.nan)
        for row, kind in enumerate(kinds):
            values[row, : curves[kind].sizes["bin"]] = curves[kind][key].values
        found[f"curve_{key}"] = (("kind", "bin"), values)
    return xr.Dataset(
        found,
        {
            "training": shown,
            "curve": [WORDS[m] for m in methods],
            "kind": [WORDS[k] for k in kinds],
            "training_points": list(points),
        },
        {
            "split_plane": json.dumps([x, y]),
            "curve_error_name": side.main_error,
            "curve_points": int(number),
            "tables": json.dumps(tables(side, flat)),
        },
    )


def tables(side: SimpleNamespace, flat: dict[str, Any]) -> list[dict[str, Any]]:
    """Coverage and boundary error by split, as tables of the page."""
    columns = {
        "map": "map",
        "map-of-all-points": "map of all points",
        "lookup": "nearest point",
        "linear": "linear",
        "spline": "spline",
    }

    def cell(key: str) -> str:
        entry = flat.get(key)
        if entry is None or entry["value"] is None:
            return "–"
        low, high = entry.get("min"), entry.get("max")
        spread = f" ({low:.3g} to {high:.3g})" if low != high and None not in (low, high) else ""
        return f"{entry['value']:.3g}{spread}"

    coverage, edges = [], []
    prefix = f"{side.name}."
    for name in dict.fromkeys(k.split(".")[1] for k in flat if k.startswith(prefix)):
        if name == "distance":
            continue
        seen = f"{flat[f'{prefix}{name}.training_points']['value']:g}"
        start = f"{prefix}{name}.map."
        found = [k.removeprefix(start) for k in flat if k.startswith(start)]
        for key in found:
            entry = flat[start + key]
            row = [cell(f"{prefix}{name}.{m}.{key}") for m in columns]
            floor = "–" if entry["floor"] is None else f"{entry['floor']:.3g}"
            if key.startswith("boundary["):
                edges.append([name, seen, key[9:-1], *row, floor])
                continue
            part, measure = key.split(".", 1)
            if measure != "samples":
                count = f"{flat[f'{start}{part}.samples']['value']:g}"
                coverage.append([name, seen, part, count, measure, *row, floor])
    head = ["training", "points"]
    ends = [*columns.values(), "twin"]
    unit = "%" if side.name == "network" else "mV"
    return [
        {
            "title": f"{side.title}: coverage and errors by split",
            "caption": "Median over the seeds of training (extremes). Samples: test points of the "
            "part. Errors of features in percent.",
            "head": [*head, "part", "samples", "measure", *ends],
            "rows": coverage,
        },
        {
            "title": f"{side.title}: boundaries",
            "caption": f"Errors in {unit} along lines through the box; a boundary that is not "
            "there counts as wrong by the whole line.",
            "head": [*head, "boundary", *ends],
            "rows": edges,
        },
    ]
