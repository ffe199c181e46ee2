"""Tables of the study bistable-map: its scores in words, and what they have to reach."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

PROTOCOLS = ("transients", "attractor", "control")
TABLE = (-37.0, -36.5, -36.0, -35.5, -35.0)
ROWS = {
    "found": "maps with the unseen rest state at five V_S",
    "position_error": "rest state, largest error (mV)",
    "hopf_lower_error": "lower Hopf point, error (mV)",
    "hopf_upper_error": "upper Hopf point, error (mV)",
    "eigenvalue_excess": "eigenvalues, largest error over 2 % + 0.05 1/s",
    **{f"eigenvalue_excess[V_S {v:g}]": f"the same, V_S = {v:g} mV" for v in TABLE},
    "coexists": "rest beside bursting, share of V_S",
    "basin_fraction": "basin of rest, share of the box",
    "rest_hits": "starts at rest in truth and map",
    "rest_missed": "starts at rest in the truth only",
    "rest_false": "starts at rest in the map only",
    "diverged": "diverged, share of starts",
    "labels_agree": "regimes by multi-start, agreement",
    "false_discoveries": "maps with a rest state that does not exist",
    "one_step_error": "one-step error",
    "transients.dropped": "transients dropped as resting",
}
# most that the maps of `transients` may miss by (medians); see also judged()
REACH = {"position_error": 0.01, "hopf_lower_error": 0.03, "hopf_upper_error": 0.05}
REACH |= {"eigenvalue_excess": 1.0}


def judged(protocol: str, key: str, item: dict[str, Any]) -> dict[str, Any]:
    """The score with what it has to reach, if anything, and whether it does."""
    value = np.inf if item["value"] is None else item["value"]
    if protocol == "transients" and key == "found":
        goal = float(np.ceil(0.9 * item["seeds"]))
        return item | {"target": goal, "met": bool(value >= goal)}
    if protocol == "control" and key.startswith("false_discoveries"):
        return item | {"target": 0.0, "met": value == 0}
    if protocol == "transients" and key.split("[")[0] in REACH:
        goal = REACH[key.split("[")[0]]
        return item | {"target": goal, "met": bool(value <= goal)}
    return item


def with_tables(scores: xr.Dataset, summary: dict[str, dict[str, Any]]) -> xr.Dataset:
    """The scores with the table and the tiles of the page."""

    def cell(key: str) -> str:
        value, low, high = (summary.get(key, {}).get(end) for end in ("value", "min", "max"))
        spread = "" if low == high else f" ({low:.3g} to {high:.3g})"
        return "–" if value is None else f"{value:.3g}{spread}"

    def goal(key: str) -> str:
        items = [summary.get(f"{name}.{key}", {}) for name in ("transients", "control")]
        words = [f"{i['target']:g}: {'met' if i['met'] else 'missed'}" for i in items if "met" in i]
        return "".join(words)

    rows = [[text, *(cell(f"{n}.{k}") for n in PROTOCOLS), goal(k)] for k, text in ROWS.items()]
    every = {
        "title": "All maps",
        "head": ["median over seeds (extremes)", *PROTOCOLS, "to reach"],
        "rows": rows,
        "caption": f"Basin of the truth: {cell('truth.basin_fraction')}; "
        f"{cell('truth.rests')} of the starts rest. Maps are counted.",
    }
    tiles = {"found": "found", "position_error": "position_error", "hopf_error": "hopf_upper_error"}
    found: dict[str, Any] = {}
    for name, key in tiles.items():
        item = summary[f"transients.{key}"]
        best = float(item["seeds"]) if key == "found" else 0.0
        attrs = {"role": "score", "units": item["unit"], "ideal": best, "long_name": ROWS[key]}
        value = np.nan if item["value"] is None else item["value"]
        found[f"rest_{name}"] = ((), value, attrs | {"better": "higher" if best else "lower"})
        found[f"rest_{name}_floor"] = ((), best, {"units": item["unit"]})
    return scores.assign(found).assign_attrs(tables=json.dumps([every]))
