"""Measurements and tables of the study hh-gru: every source by one battery, beside its floor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

Flat = dict[str, dict[str, Any]]

# score -> words for a table, ideal
WORDS: dict[str, tuple[str, float]] = {
    "rate_error_mean": ("f-I curve, mean error (%)", 0.0),
    "rate_error_max": ("f-I curve, largest error (%)", 0.0),
    "tonic_error": ("onset of lasting firing, error (%)", 0.0),
    "single_error": ("single-spike rheobase, error (%)", 0.0),
    "latency_rmse": ("latency, rms error (ms)", 0.0),
    "half_width_first_error": ("half width, first spike, error (%)", 0.0),
    "half_width_tonic_error": ("half width, tonic spike, error (%)", 0.0),
    "peak_error": ("peak, larger error of first and tonic (mV)", 0.0),
    "trough_error": ("trough, larger error of first and tonic (mV)", 0.0),
    "rebound_wrong": ("rebounds with a wrong count", 0.0),
    "rebound_latency_error": ("rebound latency, largest error (ms)", 0.0),
    "rest_error": ("rest, error (mV)", 0.0),
    "steady_rmse": ("steady potential, rms error (mV)", 0.0),
    "gamma_mean": ("coincidence under noise, mean", 1.0),
    "gamma_min": ("coincidence under noise, worst", 1.0),
    "bars": ("bars passed, of nine", 9.0),
}
HIGHER = ("gamma_mean", "gamma_min", "bars")


def measured(
    source: Any, name: str, path: Path, battery: sns.Battery, *, substeps: int = 1
) -> xr.Dataset:
    """Excitability of a source; that in the file if it is of this source and this battery.

    Args:
        source: a system, its name or something driven.
        name: what tells it from others: the checksum of its weights, say.
        path: of the file.
        battery: the inputs.
        substeps: integration steps instead of one.
    """
    of = json.dumps([name, asdict(battery), substeps, sns.__version__])
    if path.is_file():
        held = xr.load_dataset(path, engine="netcdf4")
        if held.attrs["made_of"] == of:
            return held
    more = {"substeps": substeps} if substeps > 1 else {}
    table = sns.excitability(source, battery=battery, **more)
    table.attrs["made_of"] = of
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    table.to_netcdf(partial, engine="netcdf4")
    partial.replace(path)
    return table


def entry(value: float, unit: str, floor: float | None = None) -> dict[str, Any]:
    """One line of scores.json; what does not exist is None."""
    shown = [None if v is None or not np.isfinite(v) else float(v) for v in (value, floor)]
    return {"value": shown[0], "unit": unit, "floor": shown[1]}


def flat_of(truth: xr.Dataset, twin: xr.Dataset, table: xr.Dataset) -> Flat:
    """Scores of a measurement against the truth, with those of the truth at half the step."""
    scores, floors = (sns.compare_excitability(truth, other) for other in (table, twin))
    return {
        str(name): entry(float(v), str(v.attrs.get("units", "1")), float(floors[name]))
        for name, v in scores.items()
        if v.ndim == 0
    }


def over_seeds(flats: Sequence[Flat], goals: str = "") -> Flat:
    """Median over seeds with all values; with goals how many seeds reach each.

    Args:
        flats: one per seed.
        goals: which column of goals, "d = 2" or "d = 3, 4"; none if empty.
    """
    wanted = {bar.score: bar for bar in sns.excitability_goals[goals]} if goals else {}
    merged = {}
    for key, first in flats[0].items():
        values = [flat[key]["value"] for flat in flats if key in flat]
        known = [v for v in values if v is not None]
        merged[key] = {
            **first,
            "value": float(np.median(known)) if len(known) == len(flats) else None,
            "values": values,
        }
        if key in wanted:
            bar = wanted[key]
            reached = [
                v is not None and (v >= bar.limit if bar.least else v <= bar.limit) for v in values
            ]
            needed = 1 if len(flats) == 1 else 2  # one network of several starts, or two of three
            merged[key] |= {
                "target": bar.limit, "reached": sum(reached), "met": sum(reached) >= needed
            }  # fmt: skip
    return merged


def number(value: float | None) -> str:
    """Three significant digits; infinity where one side alone has a value; a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:.3g}".replace("-", "−")


def passed(flat: Flat, seed: int = 0) -> str:
    """Letters of the bars that one seed passes."""
    held = [
        k
        for k in sns.excitability_bars
        if (flat[f"bar_{k}"].get("values") or [flat[f"bar_{k}"]["value"]])[seed]
    ]
    return "".join(held)


def seed_table(flat: Flat, title: str, seeds: Sequence[int], caption: str) -> dict[str, Any]:
    """One row per score, one column per seed, with the floor and the goal."""
    rows = []
    for key, (words, _) in WORDS.items():
        found = flat[key]
        goal = f"{found['target']:g}" if "target" in found else ""
        met = {True: "yes", False: "no", None: ""}[found.get("met")]
        rows.append([words, number(found["floor"]), *map(number, found["values"]), goal, met])
    bars = [passed(flat, k) for k in range(len(seeds))]
    rows.append(["bars passed", "".join(sns.excitability_bars), *bars, "", ""])
    head = ["", "HH, half step", *(f"seed {s}" for s in seeds), "to reach", "reached"]
    return {"title": title, "caption": caption, "head": head, "rows": rows}


def beside_table(columns: Mapping[str, Flat], title: str, caption: str) -> dict[str, Any]:
    """One row per thing that predicts, one column per score; medians over seeds."""
    keys = ("bars", "rate_error_mean", "rate_error_max", "tonic_error", "single_error",
            "latency_rmse", "half_width_first_error", "half_width_tonic_error",
            "rebound_latency_error", "steady_rmse", "gamma_mean")  # fmt: skip
    head = ["", "bars", "f-I mean (%)", "f-I max (%)", "onset (%)", "rheobase (%)", "latency (ms)",
            "width 1 (%)", "width tonic (%)", "rebound (ms)", "V_ss (mV)", "Gamma",
            "passed"]  # fmt: skip
    rows = []
    for name, flat in columns.items():
        n = len(flat["bars"].get("values") or [0])
        rows.append([name, *(number(flat[k]["value"]) for k in keys),
                     " / ".join(passed(flat, k) for k in range(n))])  # fmt: skip
    return {"title": title, "caption": caption, "head": head, "rows": rows}


def as_scores(flat: Flat) -> xr.Dataset:
    """Scores as a page shows them."""
    scores = xr.Dataset()
    for key, (words, ideal) in WORDS.items():
        better = "higher" if key in HIGHER else "lower"
        attrs = {"units": flat[key]["unit"], "ideal": ideal, "better": better}
        attrs["long_name"] = words.rsplit(" (", 1)[0]
        for suffix, part, role in (("", "value", "score"), ("_floor", "floor", "floor")):
            value = flat[key][part]
            value = np.nan if value is None else value
            scores[f"{key}{suffix}"] = xr.Variable((), value, attrs | {"role": role})
    return scores
