"""Write the tables of docs/hh_gru.md from the scores that ship in data/.

    python docs/make_hh_gru.py            write
    python docs/make_hh_gru.py --check    exit 1 if the page is not what the scores say

The numbers are those of the full preset of the study `hh-gru` (data/hh-gru-2/study.json).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _page import BEGIN, END, table, write_or_check

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "hh-gru-2" / "study.json"
PAGE = ROOT / "docs" / "hh_gru.md"
SCORES = {
    "rate_error_mean": "f-I, mean error, %",
    "rate_error_max": "f-I, largest error, %",
    "tonic_error": "onset of lasting firing, %",
    "single_error": "single-spike rheobase, %",
    "latency_rmse": "latency, rms, ms",
    "half_width_first_error": "half width, first spike, %",
    "half_width_tonic_error": "half width, tonic spike, %",
    "peak_error": "peak, larger of first and tonic, mV",
    "trough_error": "trough, the same, mV",
    "rebound_wrong": "rebounds with a wrong count",
    "rebound_latency_error": "rebound latency, largest, ms",
    "rest_error": "rest, mV",
    "steady_rmse": "steady potential, rms, mV",
    "gamma_mean": "Gamma under noise, mean",
    "gamma_min": "Gamma under noise, worst",
    "bars": "bars passed, of nine",
    "rate_moved_at_half_step": "f-I at half the step, moves by, %",
    "training_seconds": "training, s",
    "parameters": "numbers that are trained",
}
BARS = "FTRLWBQSG"
CASES = {
    "gru-2": "GRU, d = 2",
    "gru-3": "GRU, d = 3",
    "gru-4": "GRU, d = 4",
    "voltage-3": "GRU, d = 3, trained on V alone",
    "mlp-2": "MLP field, d = 2",
    "mlp-3": "MLP field, d = 3",
    "update-2": "d = 2, current into the update gate only",
    "reset-2": "d = 2, into the reset gate only",
    "candidate-2": "d = 2, into the candidate only",
}
BESIDE = (
    "rate_error_mean", "tonic_error", "single_error", "latency_rmse", "half_width_tonic_error",
    "rebound_latency_error", "steady_rmse", "gamma_mean",
)  # fmt: skip
BESIDE_HEAD = ["bars", "f-I, %", "onset, %", "rheobase, %", "latency, ms", "width, %",
               "rebound, ms", "V_ss, mV", "Gamma", "passed"]  # fmt: skip
DYNAMICS = {
    "cycle_onset": "fold of cycles",
    "hopf_low": "lower Hopf point",
    "cycle_end": "last cycle",
    "bistable_at_8": "bistable at 8",
    "other_stable_states": "other stable states",
    "ramp_begins": "ramp, begins",
    "ramp_ends": "ramp, ends",
}

Scores = dict[str, dict[str, Any]]


def number(value: float | None) -> str:
    """Three significant digits; a dash where one side alone has a value."""
    if value is None:
        return "–"
    if value and abs(value) < 1e-3:
        return f"{value:.0e}".replace("-", "−")
    return (f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}").replace("-", "−")


def values(study: Scores, key: str) -> list[float | None]:
    """Of every seed."""
    entry = study[key]
    return list(entry.get("values") or [entry["value"]])


def passed(study: Scores, prefix: str) -> str:
    """Letters of the bars passed, seed by seed."""
    by_bar = {letter: values(study, f"{prefix}.bar_{letter}") for letter in BARS}
    seeds = len(next(iter(by_bar.values())))
    return " / ".join(
        "".join(k for k in BARS if by_bar[k][seed]) or "none" for seed in range(seeds)
    )


def goals(study: Scores, case: str) -> list[str]:
    """All scores of a case: floor, every seed, the goal."""
    rows = []
    for key, words in SCORES.items():
        entry = study[f"{case}.{key}"]
        goal = ""
        if "target" in entry:
            goal = f"{entry['target']:g}, {'reached' if entry['met'] else '**missed**'}"
        seeds = " / ".join(number(v) for v in values(study, f"{case}.{key}"))
        rows.append([words, number(entry["floor"]), seeds, goal])
    rows.append(["bars", BARS, passed(study, case), ""])
    return table([CASES[case], "HH, half the step", "seeds", "to reach"], rows)


def beside(study: Scores) -> list[str]:
    """One row for everything that was measured, medians over seeds."""
    prefixes = {k: words for k, words in CASES.items() if f"{k}.bars" in study}
    names = dict.fromkeys(k.split(".")[1] for k in study if k.startswith("baseline."))
    prefixes |= {f"baseline.{name}": name for name in names}
    rows = []
    for prefix, words in prefixes.items():
        cells = [number(study[f"{prefix}.{key}"]["value"]) for key in ("bars", *BESIDE)]
        rows.append([words, *cells, passed(study, prefix)])
    return table(["", *BESIDE_HEAD], rows)


def dynamics(study: Scores) -> list[str]:
    """Where rest and firing are stable."""
    first = "dynamics.gru-2.seed_100"
    rows = [["Hodgkin-Huxley", *(number(study[f"{first}.{k}"]["floor"]) for k in DYNAMICS)]]
    found = dict.fromkeys(k.rsplit(".", 1)[0] for k in study if k.endswith(".hopf_low"))
    for prefix in found:
        name = prefix.removeprefix("dynamics.").replace(".seed_", ", seed ")
        case, _, seed = name.partition(", seed")
        words = CASES.get(case, case) + (f", seed{seed}" if seed else "")
        rows.append([words, *(number(study.get(f"{prefix}.{k}", {}).get("value"))
                              for k in DYNAMICS)])  # fmt: skip
    return table(["uA/cm2", *DYNAMICS.values()], rows)


def conditioned(study: Scores) -> list[str]:
    """Scores between the training values of a parameter."""
    found = dict.fromkeys(k.rsplit(".", 1)[0] for k in study if k.startswith("conditioned."))
    rows = []
    for prefix in found:
        _, name, seed = prefix.split(".")
        keys = ("rate_error_mean", "rate_error_max", "cells_right", "onset_error_max")
        cells = [number(study[f"{prefix}.{k}"]["value"]) for k in keys]
        rows.append([name, seed.removeprefix("seed_"), *cells])
    head = ["parameter", "seed", "rate, mean error, %", "largest, %",
            "fires or not as the neuron, %", "onset, largest error, uA/cm2"]  # fmt: skip
    return table(head, rows)


def block() -> str:
    """Everything between the markers, markers included."""
    study: Scores = json.loads(STUDY.read_text())
    return "\n".join(
        [
            f"{BEGIN}; written by docs/make_hh_gru.py -->",
            "### Against the goals",
            "",
            *(line for case in ("gru-2", "gru-3", "gru-4") for line in goals(study, case)),
            "### Side by side",
            "",
            "Medians over seeds; a dash: the neuron or the model alone has the value, such as a",
            "rate of firing that does not last.",
            "",
            *beside(study),
            "### Where rest and firing are stable",
            "",
            *dynamics(study),
            "### A parameter of the neuron as one more input",
            "",
            "Scores at values half way between those trained at.",
            "",
            *conditioned(study),
            END,
        ]
    )


if __name__ == "__main__":
    raise SystemExit(write_or_check(PAGE, block(), script=Path(__file__).name))
