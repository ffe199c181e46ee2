"""Measure the engines of `markov-if` and write the tables of docs/network_engines.md.

    python docs/make_engines.py --measure   simulate (minutes), keep the numbers, write
    python docs/make_engines.py             write from the numbers that are kept
    python docs/make_engines.py --check     exit 1 if the page is not what the numbers say

The numbers are in docs/network_engines.json; none of them is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import snnsurrogate as sns

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "network_engines.json"
PAGE = ROOT / "docs" / "network_engines.md"
BEGIN, END = "<!-- figures: begin", "<!-- figures: end -->"
REGIMES = ("homogeneous", "regular", "synchronous")
STEPS = ("0.05 ms", "0.1 ms", "0.2 ms")
MEASURES = {"rate_E": "E rate, Hz", "rate_I": "I rate, Hz", "ssi_1ms": "index, 1 ms", "chi": "chi"}
SECONDS, TRANSIENT = 8.0, 0.5
SAMPLES = {"exact": 12, "brian2": 6}
SEED = 77


def runs(regime: str, engine: str, step: str) -> dict[str, Any]:
    """Mean and standard error over independent samples of every measure, and the speed."""
    began = time.perf_counter()
    samples = SAMPLES[engine]
    ds = sns.simulate(
        f"markov-if:{regime}",
        sns.Design.points({"tau_R": [2.5] * samples}),
        duration=f"{SECONDS} s",
        transient=f"{TRANSIENT} s",
        record_every="1 ms",
        record=(),
        engine=engine,
        seed=SEED + (engine == "exact"),
        processes=1,
        **({"dt": step} if engine == "brian2" else {}),
    )
    wall = time.perf_counter() - began
    table = sns.features.summary(ds)
    found = {}
    for key in MEASURES:
        values = table[key].values
        error = float(values.std(ddof=1) / np.sqrt(samples))
        found[key] = {"mean": float(values.mean()), "se": error}
    return {"samples": samples, "measures": found, "wall_seconds": wall}


def measure() -> dict[str, Any]:
    """Every regime, by the exact engine and by Brian2 at every step."""
    found: dict[str, Any] = {regime: {} for regime in REGIMES}
    for how in ("exact", *STEPS):
        for regime in REGIMES:
            found[regime][how] = runs(regime, "exact" if how == "exact" else "brian2", how)
            print(how, regime, f"{found[regime][how]['wall_seconds']:.0f} s", flush=True)
    return {"seconds": SECONDS, "transient": TRANSIENT, "seed": SEED, "runs": found}


def with_error(entry: dict[str, float], digits: int) -> str:
    """A mean and its standard error."""
    return f"{entry['mean']:.{digits}f} ± {entry['se']:.{digits}f}"


def off(entry: dict[str, float], exact: dict[str, float]) -> tuple[float, float]:
    """Difference from the exact engine, in percent and in its own standard errors."""
    difference = entry["mean"] - exact["mean"]
    error = float(np.hypot(entry["se"], exact["se"]))
    return 100.0 * difference / exact["mean"], difference / error


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table and the empty line after it."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def block() -> str:
    """What stands between the marks."""
    kept = json.loads(KEPT.read_text())
    lines, differences = [], []
    for regime, by in kept["runs"].items():
        rows = []
        for how, run in by.items():
            row = [f"**{how}**" if how == "0.1 ms" else how]
            for key in MEASURES:
                entry, exact = run["measures"][key], by["exact"]["measures"][key]
                text = with_error(entry, 2 if key.startswith("rate") else 4)
                if how != "exact":
                    percent, errors = off(entry, exact)
                    text += f" ({percent:+.1f} %, {errors:+.1f} s.e.)"
                    differences.append((abs(errors), abs(percent), regime, how, MEASURES[key]))
                row.append(text.replace("-", "−"))
            rows.append(row)
        lines += table([f"{regime}: step", *MEASURES.values()], rows)
    beyond = sum(errors > 2.0 for errors, *_ in differences)
    errors, percent, regime, how, what = max(differences)
    largest = max(differences, key=lambda d: d[1])
    exact, brian2 = (
        next(iter(kept["runs"].values()))[how]["samples"] for how in ("exact", STEPS[0])
    )
    return "\n".join(
        [
            f"{BEGIN}; written by docs/make_engines.py -->",
            f"Means and standard errors over {brian2} independent samples of {kept['seconds']} s",
            f"after {kept['transient']} s (exact: {exact}); in brackets the difference from the",
            "exact engine, in percent and in standard errors of the difference.",
            "",
            *lines,
            f"Of these {len(differences)} differences {beyond} are beyond 2 standard errors (the",
            "measures of one run are correlated). Farthest out in standard errors is",
            f"{what}, {regime} at {how} ({errors:.1f} s.e., {percent:.1f} %); largest in percent",
            f"{largest[4]}, {largest[2]} at {largest[3]} ({largest[1]:.1f} %, "
            f"{largest[0]:.1f} s.e.).",
            END,
        ]
    )


def main() -> int:
    """Measure, write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    if chosen.measure:
        KEPT.write_text(json.dumps(measure(), indent=1) + "\n")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN, 1)
    wanted = before + block() + rest.split(END, 1)[1]
    if wanted == text:
        return 0
    if chosen.check:
        print(f"{PAGE.relative_to(ROOT)} does not say what {KEPT.name} says")
        return 1
    PAGE.write_text(wanted)
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
