"""Write docs/results.md and the figures of README.md from the scores that ship in data/.

    python docs/make_results.py            write both
    python docs/make_results.py --check    exit 1 if they are not what the scores say

Nothing on these pages is typed by hand: the numbers come from the full presets of the studies
`bursting-map` and `bistable-map` (data/<study>/study.json) and from `snnsurrogate bench`
(data/bench.json).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "bursting-map" / "study.json"
UNSEEN = ROOT / "data" / "bistable-map" / "study.json"
BENCH = ROOT / "data" / "bench.json"
PAGE = ROOT / "docs" / "results.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin", "<!-- figures: end -->"

Scores = dict[str, dict[str, Any]]
BURST_END = "boundary_error[bursting -> tonic]"
REST_END = "boundary_error[quiescent -> bursting]"
# key, words, whether large is good
ROWS = [
    ("agreement", "regime agreement", True),
    ("mean_recall", "mean recall per regime", True),
    ("random_start.agreement", "agreement, fresh V_S, common random starts", True),
    ("random_start.mean_recall", "mean recall, the same", True),
    (BURST_END, "bursting → tonic boundary, error", False),
    ("boundary_layer[bursting -> tonic][surrogate]", "width of its layer, map", False),
    ("boundary_layer[bursting -> tonic][truth]", "width of its layer, truth", False),
    (REST_END, "rest → bursting boundary, error", False),
    ("spikes_per_burst_error", "spikes per burst, mean abs. error", False),
    ("spikes_per_burst_exact", "spikes per burst exact, share", True),
    ("burst_period_error", "burst period, mean error", False),
    ("fixed_point_found", "fixed point found", True),
    ("fixed_point_error_median", "fixed point, median error", False),
    ("fixed_point_error_max", "fixed point, largest error", False),
    ("fixed_point_error_max[V_S below -37]", "the same, V_S < −37", False),
    ("fixed_point_error_max[V_S above -37]", "the same, V_S ≥ −37", False),
    ("eigenvalue_error_unstable_median", "unstable eigenvalues, median error", False),
    ("eigenvalue_error_unstable_max[V_S below -37]", "largest, V_S < −37", False),
    ("eigenvalue_error_unstable_max[V_S above -37]", "largest, V_S ≥ −37", False),
    ("eigenvalue_error_stable_median", "fast stable eigenvalue, median error", False),
    ("eigenvalue_error_slowest_median", "slowest eigenvalue, median error", False),
    ("fixed_points_invented", "fixed points that do not exist", False),
    ("short_horizon_error", "error over the first 2 s", False),
    ("D_stsp", "D_stsp", False),
    ("D_H", "D_H", False),
]
CASES = {
    "": ("attractors and transients", "V_S in [−44, −33] mV"),
    "attractor.": ("attractors only", "V_S in [−44, −33] mV"),
    "wide.": ("wide box", "V_S in [−47, −28] mV"),
}
BASELINES = {
    "lookup": "nearest training run, looked up",
    "simulator 10 ms": "the simulator (RK4) at the map's step, 10 ms",
    "simulator 5 ms": "the simulator at 5 ms",
    "first order": "the same network, Adam only",
}


PROTOCOLS = {
    "transients": "oscillations with transients",
    "attractor": "attractor alone",
    "control": "control: monostable neuron",
}
TABLE = ("-37", "-36.5", "-36", "-35.5", "-35")
UNSEEN_ROWS = [
    ("found", "stable rest state within 0.1 mV at five V_S: maps", True),
    ("window_share", "share of the truth's window in which it is stable", True),
    ("position_error", "position, largest of five V_S", False),
    ("hopf_lower_error", "lower Hopf point (−37.0528 mV), error", False),
    ("hopf_upper_error", "upper Hopf point (−34.9757 mV), error", False),
    ("eigenvalue_excess", "eigenvalues, largest error over 2 % + 0.05 s⁻¹", False),
    *(
        (f"eigenvalue_excess[V_S {v_s}]", f"the same, V_S = {v_s.replace('-', '−')} mV", False)
        for v_s in TABLE
    ),
    ("coexists", "rest and bursting from the right starts, share of V_S", True),
    ("basin_fraction", "basin of rest, share of the box", True),
    ("rest_hits", "starts at rest in truth and map", True),
    ("rest_missed", "starts at rest in the truth only", False),
    ("rest_false", "starts at rest in the map only", False),
    ("rest_jaccard", "the first over all three (Jaccard)", True),
    ("diverged", "starts that diverge, share", False),
    ("basin_same_fate", "starts with the fate of the truth (rest, motion, divergence)", True),
    ("labels_agree", "regimes by multi-start (with “bistable”), agreement", True),
    ("false_discoveries", "maps with a rest state that does not exist", False),
    ("false_discoveries_extrapolated", "the same, extrapolated: V_S from −44.7 to −44.5 mV", False),
    ("transients.started", "random starts simulated", True),
    ("transients.dropped", "of these dropped, because they end at rest", True),
    ("transients.leaks_found", "cuts around the window at rest 120 s later", False),
    ("attractors.leaks_found", "the same of the cuts on the attractor", False),
    ("one_step_error", "one-step error (mean square, scaled increments)", False),
]


def number(value: float | None) -> str:
    """Three significant digits; large shares keep four decimals."""
    if value is None:
        return "–"
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    text = f"{value:.4f}" if 0.9 < abs(value) < 1 else f"{value:.3g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(scores: Scores, key: str, larger_is_better: bool) -> str:
    """Median and worst over the seeds."""
    entry = scores.get(key)
    if entry is None or entry["value"] is None:
        return "–"
    worst = entry.get("min" if larger_is_better else "max", entry["value"])
    unit = "" if entry["unit"] in ("1", "") else f" {entry['unit']}"
    if worst is None or worst == entry["value"]:
        return f"{number(entry['value'])}{unit}"
    return f"{number(entry['value'])} / {number(worst)}{unit}"


def case_table(scores: Scores, rows: list[tuple[str, str, bool]]) -> list[str]:
    """One column per case."""
    seeds = scores["agreement"]["seeds"]
    head = "| median / worst of " + f"{seeds} seeds | "
    head += " | ".join(f"{a}, {b}" for a, b in CASES.values()) + " | floor |"
    lines = [head, "|---|" + "---|" * (len(CASES) + 1)]
    for key, words, larger in rows:
        cells = [cell(scores, prefix + key, larger) for prefix in CASES]
        if set(cells) == {"–"}:
            continue
        floors = [scores.get(p + key, {}).get("floor") for p in CASES]
        floor = next((number(f) for f in floors if f is not None), "–")
        lines.append(f"| {words} | " + " | ".join(cells) + f" | {floor} |")
    return lines


def baseline_table(scores: Scores) -> list[str]:
    """The map beside what it has to beat."""
    keys = [r for r in ROWS if r[0] in ("agreement", "mean_recall", BURST_END)]
    keys += [r for r in ROWS if r[0] in ("spikes_per_burst_error", "burst_period_error")]
    keys += [r for r in ROWS if r[0] in ("fixed_point_error_median", "D_stsp")]
    lines = ["| | " + " | ".join(words for _, words, _ in keys) + " |"]
    lines.append("|---|" + "---|" * len(keys))
    every = {"": "**recurrent map**"} | {f"baseline.{k}.": v for k, v in BASELINES.items()}
    for prefix, words in every.items():
        cells = [cell(scores, prefix + key, larger) for key, _, larger in keys]
        if set(cells) != {"–"}:
            lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return lines


def unseen_table(scores: Scores) -> list[str]:
    """The branch that was not shown, by protocol."""
    seeds = scores["transients.found"]["seeds"]
    lines = [
        f"| median / worst of {seeds} seeds (maps: counted) | "
        + " | ".join(PROTOCOLS.values())
        + " | to reach |",
        "|---|" + "---|" * (len(PROTOCOLS) + 1),
    ]
    for key, words, larger in UNSEEN_ROWS:
        cells = []
        for name in PROTOCOLS:
            entry = scores.get(f"{name}.{key}")
            counted = key == "found" or key.startswith("false_discoveries")
            if entry is not None and counted:
                cells.append(f"{entry['value']:g} of {entry['seeds']}")
            elif entry is not None and "seeds" not in entry:
                cells.append(f"{entry['value']:g}")
            else:
                cells.append(cell(scores, f"{name}.{key}", larger))
        lines.append(f"| {words} | " + " | ".join(cells) + f" | {goal(scores, key)} |")
    return lines


def goal(scores: Scores, key: str) -> str:
    """What the first protocol (of discoveries: the control) has to reach, and whether it does."""
    for name in ("transients", "control"):
        entry = scores.get(f"{name}.{key}", {})
        if "target" in entry:
            sign = "≥" if key == "found" else "≤"
            unit = "" if entry["unit"] in ("1", "") else f" {entry['unit']}"
            said = "met" if entry["met"] else "**missed**"
            return f"{sign} {number(entry['target'])}{unit}: {said}"
    return ""


def eigenvalue_verdict(scores: Scores) -> str:
    """At which V_S the eigenvalues reach their target in the median."""
    met = {v: scores[f"transients.eigenvalue_excess[V_S {v}]"]["met"] for v in TABLE}
    parts = []
    for word, kind in (("missed", False), ("met", True)):
        own = [v.replace("-", "−") for v in TABLE if met[v] is kind]
        if own:
            parts.append(f"{word} at {', '.join(own)} mV")
    return "; ".join(parts)


def reach_table(scores: Scores) -> list[str]:
    """How near the data come to the rest state, beside the error there."""
    pair = ("transients", "attractor")
    asked = (("distance", "nearest cut"), ("S_beyond_data", "S* beyond the data"))
    asked += (("position_error", "error of V*"), ("eigenvalue_excess", "eigenvalues"))
    head = [f"{words}, {PROTOCOLS[name]}" for name in pair for _, words in asked]
    lines = ["| V_S (mV) | " + " | ".join(head) + " |", "|---|" + "---|" * len(head)]
    for v_s in TABLE:
        cells = [cell(scores, f"{n}.{key}[V_S {v_s}]", False) for n in pair for key, _ in asked]
        lines.append(f"| {v_s.replace('-', '−')} | " + " | ".join(cells) + " |")
    return lines


def unseen(scores: Scores) -> list[str]:
    """The section on the study bistable-map."""
    share = [scores[f"truth.basin_fraction{end}"] for end in ("", "_low", "_high")]
    rests = scores["truth.rests"]["value"]
    never = number(scores["truth.never_rests_same_fate"]["value"])
    inside = " to ".join(number(100 * entry["value"]) for entry in share[1:])
    return [
        "## The branch that was not shown",
        "",
        "From `data/bistable-map/study.json` (full preset of the study `bistable-map`). Maps of",
        "the bistable neuron, trained on oscillations only: every start was followed, and its cut",
        "dropped unless it spiked from 100 to 160 s later. A basin is invariant, so no map saw a",
        "state from which the neuron comes to rest. The seeds of a protocol differ in initial",
        "weights and in the windows drawn. Maps with transients and those of the control have one",
        "schedule; those of the attractor alone trained for 70 iterations of the last stage where",
        "the others have 150 and 15 more. The number of transients and the first schedule were",
        "chosen by the validation error of seed 0; then the schedule with transients was made",
        "longer, after the scores of four maps of the first one had been seen (worst eigenvalue",
        "excess 2.1 to 20): that column is not an untouched test. The column on the right is for",
        "the medians of the maps with transients, and for the control.",
        "",
        *unseen_table(scores),
        "",
        f"Basin of the truth: {number(100 * share[0]['value'])} % of V [−65, −20] mV, n [0, 0.08],",
        f"S [0.17, 0.19] at V_S = −36 mV (95 %: {inside}); from other random starts",
        f"{number(100 * share[0]['floor'])} %. Maps and truth got the same starts, of which",
        f"{rests:g} rest in the truth: a map that never rests has none of them, and still the fate",
        f"of the truth from a share of {never} of the starts.",
        "",
        "A rest state counts as invented where the truth has no stable one, except within 0.1 mV",
        "of its Hopf points at −37.05 and −34.98 mV (there it is an error of that point). The",
        "maps were trained for V_S ≥ −44.5 mV.",
        "",
        f"Eigenvalues within their tolerance, medians: {eigenvalue_verdict(scores)}.",
        "",
        "How near the training data come to the rest state: distance in units of (12 mV, 0.02,",
        "0.004), and by how much its S lies beyond the largest S shown at that V_S (negative:",
        "it does not). Eigenvalues: largest error of the three over 2 % + 0.05 s⁻¹. V_S = −35 mV",
        "lies 0.024 mV from the upper Hopf point, where the real part changes by 36 s⁻¹ per mV:",
        "there an error of 0.002 mV in the Hopf point uses the tolerance up.",
        "",
        *reach_table(scores),
        "",
    ]


def bench_table(bench: dict[str, Any]) -> list[str]:
    """Speed figures, both sides of every ratio measured in one run."""
    lines = ["| benchmark | figure | value | to reach |", "|---|---|---|---|"]
    for entry in bench["figures"]:
        unit = "" if entry["unit"] in ("1", "") else f" {entry['unit']}"
        sign = "≥" if entry["better"] == "higher" else "≤"
        goal = "" if entry["target"] is None else f"{sign} {entry['target']:g}"
        value = f"{entry['value']:.3g}{unit}"
        lines.append(f"| {entry['benchmark']} | {entry['name']} | {value} | {goal} |")
    return lines


def page(scores: Scores, bench: dict[str, Any]) -> str:
    """The text of docs/results.md."""
    return "\n".join(
        [
            "# Results",
            "",
            "Written by `docs/make_results.py` from `data/bursting-map/study.json` (full preset of",
            "the study `bursting-map`) and `data/bench.json` (`snnsurrogate bench`). Protocol:",
            "[evaluation](evaluation.md). The floor is the truth again: at half its step, or its",
            "own next record.",
            "",
            "## Recurrent maps of the Sherman-Rinzel neuron",
            "",
            *case_table(scores, ROWS),
            "",
            "A map that always bursts agrees in 0.93 of the narrow range, with a mean recall of",
            "0.5, and a table of the nearest training runs agrees nearly everywhere (below):",
            "labels along one parameter are easily interpolated. What a table cannot give are",
            "spikes per burst, periods, fixed points and eigenvalues. The unstable eigenvalues",
            "merge near V_S = −43.7 mV, where a relative error is that of a square root: the",
            "largest errors below −37 sit there.",
            "",
            "Fresh V_S, common random starts: 221 values drawn at random, truth and map started",
            "from the same random state, each running its own transient of 40 s. Hidden layers and",
            "schedule were chosen on the grid of the other rows, not on these.",
            "",
            "## Beside the baselines",
            "",
            *baseline_table(scores),
            "",
            *(unseen(json.loads(UNSEEN.read_text())) if UNSEEN.is_file() else []),
            "## Speed",
            "",
            *bench_table(bench),
            "",
        ]
    )


def figures(scores: Scores, bench: dict[str, Any]) -> str:
    """The block of README.md."""
    short = {"agreement", "mean_recall", BURST_END, REST_END, "spikes_per_burst_error"}
    short |= {"burst_period_error", "fixed_point_found", "fixed_point_error_median"}
    short |= {"random_start.agreement", "random_start.mean_recall"}
    short |= {"fixed_point_error_max", "eigenvalue_error_unstable_median"}
    short |= {"eigenvalue_error_stable_median"}
    rows = [row for row in ROWS if row[0] in short]
    return "\n".join(
        [
            f"{BEGIN}; written by docs/make_results.py -->",
            "Full preset of `bursting-map`, held-out grid of 221 values of V_S, 60 s each:",
            "",
            *case_table(scores, rows),
            "",
            "Baselines, every score and the speed figures: [results](docs/results.md).",
            END,
        ]
    )


def pages() -> dict[Path, str]:
    """What each file should hold."""
    scores, bench = json.loads(STUDY.read_text()), json.loads(BENCH.read_text())
    readme = README.read_text()
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return {PAGE: page(scores, bench), README: before + figures(scores, bench) + after}


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [
        path for path, text in pages().items() if not path.is_file() or path.read_text() != text
    ]
    for path in stale:
        if check:
            print(
                f"{path.relative_to(ROOT)} does not say what data/ says; run {Path(__file__).name}"
            )
        else:
            path.write_text(pages()[path])
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
