"""Write the tables of docs/scalar_reconstruction.md from the scores that ship in data/.

    python docs/make_scalar_reconstruction.py            write
    python docs/make_scalar_reconstruction.py --check    exit 1 if the page is not what they say

The numbers come from the full preset of the study `scalar-reconstruction`
(data/scalar-reconstruction/study.json); none of them is typed by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _page import BEGIN, END, table, write_or_check

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "scalar-reconstruction" / "study.json"
PAGE = ROOT / "docs" / "scalar_reconstruction.md"
PARTS = {
    "one": "one series, V_S = -36",
    "noise-1": "with 1 % noise",
    "noise-5": "with 5 % noise",
    "step-5": "every 5 ms",
    "step-20": "every 20 ms",
    "two": "two series",
    "three": "three series",
    "five": "five series",
    "monostable-n": "n instead of V",
    "monostable-S": "S instead of V",
}
KNOWN = ("two", "three", "five")
REST = {
    "bistable-V": "bistable neuron, V",
    "bistable-n": "bistable neuron, n",
    "bistable-S": "bistable neuron, S",
    "one": "monostable neuron, V",
    "monostable-n": "monostable neuron, n",
    "monostable-S": "monostable neuron, S",
}
KINDS = {"input": "the input", "bias": "random bias direction", "output": "output bias"}

Scores = dict[str, dict[str, Any]]


def share(entry: dict[str, Any] | None) -> str:
    """A count: "17 of 20"; the extent of a sweep counts every direction."""
    if entry is None:
        return ""
    return f"{sum(x or 0 for x in entry['every']):.0f} of {len(entry['every'])}"


def number(value: float | None) -> str:
    """Three digits, a dash where there is none."""
    return "–" if value is None else f"{value:.3g}"


def cell(entry: dict[str, Any] | None, *, every: bool = False) -> str:
    """Median, with every seed or the extremes behind it."""
    if entry is None:
        return ""
    text = number(entry["value"])
    if every:
        return f"{text} ({', '.join(number(x) for x in entry['every'])})"
    if entry["min"] is None:
        return "–"
    low, high = number(entry["min"]), number(entry["max"])
    lost = f"; {entry['missing']} without" if entry["missing"] else ""
    return text if low == high and not lost else f"{text} ({low}–{high}{lost})"


def beside(scores: Scores, name: str) -> str:
    """Distances of the rest states at the trained input, of the maps that have a stable one."""
    pairs = zip(
        *(scores[f"{name}.{k}"]["every"] for k in ("rest_beside", "rest_error")), strict=True
    )
    found = sorted(error for there, error in pairs if there)
    unit = " mV" if name.endswith("V") or name == "one" else ""
    return ", ".join(f"{x:.2g}" for x in found) + unit if found else "–"


def block(scores: Scores) -> str:
    """Everything between the marks of the page."""
    lines = [f"{BEGIN} (docs/make_scalar_reconstruction.py writes what follows) -->", ""]
    there = [name for name in PARTS if f"{name}.bursts" in scores]
    lines += ["**Free runs at the trained input.** Medians over all seeds (extremes)", ""]
    lines += table(
        ["series", "as the series from all 8 starts", "accepted by the free run", "spikes, error %",
         "period, error %", "newest sample, rms", "training, s"],
        [
            [PARTS[n], share(scores[f"{n}.bursts"]), share(scores[f"{n}.accepted"]),
             *(cell(scores[f"{n}.{k}"])
               for k in ("spikes_error", "period_error", "newest_rms", "seconds"))]
            for n in there
        ],
    )  # fmt: skip
    lines += ["**The constant input beside its controls**, one series", ""]
    lines += table(
        ["", *KINDS.values()],
        [
            ["rest, bursting and tonic all present",
             *(share(scores.get(f"one.{k}.present")) for k in KINDS)],
            ["next to each other in that order",
             *(share(scores.get(f"one.{k}.in_order")) for k in KINDS)],
            ["the same, up to two values of slow rest between",
             *(share(scores.get(f"one.{k}.nearly_in_order")) for k in KINDS)],
            ["distance of the best affine relation",
             *(cell(scores.get(f"one.{k}.relation.distance")) for k in KINDS)],
            ["the same with slope 0 (floor)",
             *(cell(scores.get(f"one.{k}.relation.distance_constant")) for k in KINDS)],
            ["regimes in agreement under it",
             *(cell(scores.get(f"one.{k}.relation.agreement")) for k in KINDS)],
            ["V_S that the trained value maps to (truth -36)",
             *(cell(scores.get(f"one.{k}.relation.at")) for k in KINDS)],
        ],
    )  # fmt: skip
    known = [n for n in KNOWN if f"{n}.agreement" in scores]
    lines += ["**Series at known V_S**, V_S in [-44, -33]: median (every seed)", ""]
    lines += table(
        ["", "agreement", "always bursting", "mean recall", "boundary, error mV",
         "spikes per burst, mean difference"],
        [
            [PARTS[n], cell(scores[f"{n}.agreement"], every=True),
             number(scores[f"{n}.always_bursting"]["value"]),
             *(cell(scores[f"{n}.{k}"], every=True)
               for k in ("mean_recall", "boundary_error", "sweep_spikes_difference"))]
            for n in known
        ],
    )  # fmt: skip
    resting = [n for n in REST if f"{n}.rest_beside" in scores]
    lines += ["**A stable rest state beside bursting** that the map was never shown", ""]
    lines += table(
        ["series", "maps", "do as the series", "stable rest at the trained input",
         "its distance from the fixed point of the equations", "anywhere under the input"],
        [
            [REST[n], str(scores[f"{n}.rest_beside"]["seeds"]),
             *(share(scores[f"{n}.{k}"]) for k in ("bursts", "rest_beside")),
             beside(scores, n), share(scores[f"{n}.rest_somewhere"])]
            for n in resting
        ],
    )  # fmt: skip
    if any(key.startswith("dimension.") for key in scores):
        lines += ["**Dimension chosen automatically**", ""]
        names = [k.split(".")[1] for k in scores if k.startswith("dimension.")]
        lines += table(
            ["series", "chosen", "votes", "expected"],
            [
                [n, number(scores[f"dimension.{n}"]["value"]), scores[f"dimension.{n}"]["votes"],
                 number(scores[f"dimension.{n}"]["target"])]
                for n in names
            ],
        )  # fmt: skip
    return "\n".join([*lines, END])


if __name__ == "__main__":
    scores = json.loads(STUDY.read_text())
    raise SystemExit(
        write_or_check(PAGE, block(scores), script="docs/make_scalar_reconstruction.py")
    )
