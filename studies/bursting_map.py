"""Does a map trained on trajectory pieces have the regimes of a bursting neuron where it has them?

Question: the Sherman-Rinzel neuron is stiff (time constants 20 ms and 35 s). Does a small network,
    run as a map of 10 ms and conditioned on V_S, burst, spike and rest at the same V_S as the
    equations, with the same fixed point and eigenvalues? Does it find the fixed point when it was
    trained on the oscillating attractor only, which never comes near it?
Expect: agreement of 0.96 with first-order training (the slow variable decides the boundary, and
    its one-step error stays too large), more after Levenberg-Marquardt. Fixed points right where
    the data are, off where they have to be extrapolated.
Data: Brian2, RK4. Attractors (from a stated start, 40 s of transient left out) and transients
    (random initial states) at Sobol points of V_S; tested on an independent grid, 60 s after 40 s,
    from the truth's own state at the end of its transient.
Cases: `narrow` V_S in [-44, -33] (bursting, spiking); `attractor` the same without transients;
    `wide` V_S in [-47, -28] (rest too).
Result: see README and docs/results.md, which quote the full preset.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

Adam, LM = sns.models.Adam, sns.models.LevenbergMarquardt
RANDOM_START = {"V": (-65.0, -20.0), "n": (0.0, 0.1), "S": (0.165, 0.225)}
STEP = "10 ms"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question: where it is trained, where it is tested, with or without transients."""

    box: tuple[float, float]
    test: tuple[float, float]
    transients: bool = True


# trained half a millivolt beyond what is tested: a boundary at the edge of the data is not a test
NARROW = Case(box=(-44.5, -32.5), test=(-44.0, -33.0))
CASES = {
    "narrow": NARROW,
    "attractor": Case(box=NARROW.box, test=NARROW.test, transients=False),
    "wide": Case(box=(-47.5, -27.5), test=(-47.0, -28.0)),
}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim."""

    cases: tuple[str, ...] = ("narrow",)
    attractors: int = 256
    transients: int = 512
    transient_length: str = "6 s"
    grid: int = 221
    record: str = "60 s"
    tolerance: float = 0.02  # of boundaries, mV
    seeds: tuple[int, ...] = (0, 1)
    hidden: tuple[int, ...] = (24, 24)
    first_order: int = 0  # Adam steps of the baseline without a second-order stage; 0: none
    schedule: tuple[Any, ...] = field(default=(Adam(steps=3000), LM(iterations=250, points=16000)))


PRESETS = {
    "tiny": Preset(
        attractors=8,
        transients=8,
        transient_length="2 s",
        grid=5,
        record="20 s",
        seeds=(0,),
        hidden=(8,),
        schedule=(Adam(steps=200, batch=256), LM(iterations=6, points=500)),
    ),
    "quick": Preset(),
    "full": Preset(
        cases=("narrow", "attractor", "wide"),
        attractors=512,
        transients=1024,
        tolerance=0.005,
        seeds=(0, 1, 2, 3, 4),
        first_order=60_000,
        schedule=(Adam(steps=3000), LM(iterations=400, points=30000)),
    ),
}


def main(preset: str = "quick", out: Path = Path("runs/bursting-map")) -> xr.Dataset:
    """Run the study; what is there and matches is reused.

    Returns:
        Scores of the first case's chosen seed (smallest training error, not best score).
    """
    size, out = PRESETS[preset], Path(out)
    (out / "data").mkdir(parents=True, exist_ok=True)
    summary: dict[str, dict[str, Any]] = {}
    first: xr.Dataset | None = None
    for name in size.cases:
        folder = out if name == size.cases[0] else out / name
        scores, flat = run_case(name, size, folder, out / "data")
        first = scores if first is None else first
        prefix = "" if name == size.cases[0] else f"{name}."
        summary |= {prefix + key: entry for key, entry in flat.items()}
        write(out / "scores.json", json.dumps(summary, indent=1) + "\n")
    summary |= baselines(CASES[size.cases[0]], size, out, out / "data")
    write(out / "scores.json", json.dumps(summary, indent=1) + "\n")
    if first is None:
        msg = f"preset {preset!r} has no case"
        raise ValueError(msg)
    return first


def run_case(
    name: str, size: Preset, folder: Path, data: Path
) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """Train and score every seed of a case; write scores, figures and page of the chosen one."""
    case = CASES[name]
    train, truth = datasets(case, size, data)
    model = sns.models.RecurrentMap(hidden=size.hidden)
    surrogates = sns.fit_seeds(
        model,
        train,
        size.seeds,
        schedule=size.schedule,
        out=folder / "seeds",
    )
    chosen = min(range(len(surrogates)), key=lambda i: surrogates[i].card["training"]["loss"])
    every = [
        scored(truth, surrogate, folder / "seeds" / f"scores-{seed}.nc", size.tolerance)
        for seed, surrogate in zip(size.seeds, surrogates, strict=True)
    ]
    best = surrogates[chosen]
    best.card["scores"] = sns.to_json(every[chosen])
    best.save(folder / "surrogate")
    sns.save_scores(every[chosen], folder / "scores.nc")
    sns.report(every[chosen], folder / "report.html")
    unseen = fresh(case, size, data)
    flats = [
        sns.to_json(scores) | by_range(scores) | from_random_starts(unseen, surrogate)
        for scores, surrogate in zip(every, surrogates, strict=True)
    ]
    return every[chosen], over_seeds(flats)


def scored(truth: xr.Dataset, surrogate: sns.Surrogate, path: Path, tolerance: float) -> xr.Dataset:
    """Scores of a surrogate; those in the file if they are of this truth and this surrogate."""
    if path.is_file():
        held = sns.open_scores(path)
        card, origin = json.loads(held.attrs["card"]), json.loads(held.attrs["provenance"])
        if (
            card["checksum"] == surrogate.card["checksum"]
            and origin["truth"]["content_hash"] == truth.attrs["content_hash"]
            and held.attrs.get("snnsurrogate") == sns.__version__
        ):
            return held
    scores = sns.evaluate(truth, surrogate, boundary_tolerance=tolerance)
    scores.attrs["snnsurrogate"] = sns.__version__
    sns.save_scores(scores, path)
    return scores


def fresh(case: Case, size: Preset, data: Path) -> xr.Dataset:
    """Truth at random V_S from random starts; nothing was chosen by it."""
    return sns.simulate(
        "sherman",
        sns.Design.lhs({"V_S": case.test}, n=size.grid, seed=99, initial=RANDOM_START),
        duration=size.record,
        record_every=STEP,
        transient="40 s",
        out=data / f"fresh{case.test[0]:g}{case.test[1]:+g}.nc",
    )


def from_random_starts(truth: xr.Dataset, surrogate: sns.Surrogate) -> dict[str, dict[str, Any]]:
    """Labels when both start from one random state and the surrogate runs its own transient.

    Harder than the protocol: the surrogate has to find its attractor, or come to rest, by itself.
    """
    with warnings.catch_warnings():  # a random start may lie beside the visited region
        warnings.simplefilter("ignore", UserWarning)
        start = {state: truth[f"initial_{state}"].values for state in ("V", "n", "S")}
        before = surrogate.rollout(start, {"V_S": truth.V_S.values}, truth.attrs["transient"])
        alive = np.isfinite(before.V.values[:, -1])
        end = {state: np.where(alive, before[state].values[:, -1], start[state]) for state in start}
        after = surrogate.rollout(end, {"V_S": truth.V_S.values}, truth.attrs["duration"])
    labels = sns.regimes(truth).values
    found = np.where(alive, sns.regimes(after).values, -1)
    return {f"random_start.{k}": v for k, v in shares(labels, found).items()}


def shares(labels: np.ndarray, found: np.ndarray) -> dict[str, dict[str, Any]]:
    """Agreement and mean recall of two sets of labels."""
    recall = [(found[labels == k] == k).mean() for k in np.unique(labels)]
    return {
        "agreement": {"value": float((found == labels).mean()), "unit": "1", "floor": 1.0},
        "mean_recall": {"value": float(np.mean(recall)), "unit": "1", "floor": 1.0},
    }


def baselines(case: Case, size: Preset, folder: Path, data: Path) -> dict[str, dict[str, Any]]:
    """What is to be beaten: a lookup table, the simulator at the map's own step, Adam alone."""
    train, truth = datasets(case, size, data)
    found: dict[str, dict[str, dict[str, Any]]] = {}

    nearest = abs(train[0].V_S.values[None] - truth.V_S.values[:, None]).argmin(1)
    found["lookup"] = shares(sns.regimes(truth).values, sns.regimes(train[0]).values[nearest])
    known, stored = (sns.features.summary(ds) for ds in (truth, train[0]))
    for feature, unit in (("spikes_per_burst", "1"), ("burst_period", "%")):
        expected = known[feature].values
        got = np.nan_to_num(stored[feature].values[nearest])
        wrong = abs(got - expected) if unit == "1" else 100 * abs(got / expected - 1)
        entry = {"value": float(np.nanmean(wrong)), "unit": unit, "floor": None}
        found["lookup"][f"{feature}_error"] = entry
    start = {state: truth[state].values[:, 0] for state in ("V", "n", "S")}
    for step in ("5 ms", STEP):
        coarse = sns.simulate(
            "sherman",
            sns.Design.points({"V_S": truth.V_S.values}, initial=start),
            duration=size.record,
            record_every=STEP,
            dt=step,
        )
        found[f"simulator {step}"] = sns.to_json(sns.evaluate(truth, coarse, boundaries=False))
    if size.first_order:
        surrogates = sns.fit_seeds(
            sns.models.RecurrentMap(hidden=size.hidden),
            train,
            size.seeds[:2],
            schedule=(Adam(steps=size.first_order),),
            out=folder / "first-order",
        )
        flats = [
            sns.to_json(sns.evaluate(truth, s, boundary_tolerance=size.tolerance))
            for s in surrogates
        ]
        found["first order"] = over_seeds(flats)
    return {f"baseline.{name}.{k}": v for name, flat in found.items() for k, v in flat.items()}


def datasets(case: Case, size: Preset, data: Path) -> tuple[list[xr.Dataset], xr.Dataset]:
    """Training sets (attractors, and transients if the case has them) and the test grid."""

    def where(kind: str, span: tuple[float, float]) -> Path:
        return data / f"{kind}{span[0]:g}{span[1]:+g}.nc"

    train = [
        sns.simulate(
            "sherman",
            sns.Design.sobol({"V_S": case.box}, n=size.attractors, seed=1),
            duration="20 s",
            record_every=STEP,
            transient="40 s",
            out=where("attractors", case.box),
        )
    ]
    if case.transients:
        train.append(
            sns.simulate(
                "sherman",
                sns.Design.sobol(
                    {"V_S": case.box}, n=size.transients, seed=2, initial=RANDOM_START
                ),
                duration=size.transient_length,
                record_every=STEP,
                out=where("transients", case.box),
            )
        )
    truth = sns.simulate(
        "sherman",
        sns.Design.grid({"V_S": np.linspace(*case.test, size.grid)}),
        duration=size.record,
        record_every=STEP,
        transient="40 s",
        out=where("test", case.test),
    )
    return train, truth


def by_range(scores: xr.Dataset, edge: float = -37.0) -> dict[str, dict[str, Any]]:
    """Fixed-point errors below and above the V_S at which the fixed point leaves the attractor's S.

    Positions: largest error. Unstable eigenvalues: median and largest relative error; the two real
    ones merge near V_S = -43.7, where a relative error is that of a square root.
    """
    truth, learned = scores.sel(source="truth"), scores.sel(source="surrogate")
    values = truth.fp_eigenvalue_real + 1j * truth.fp_eigenvalue_imag
    wrong = learned.fp_eigenvalue_real + 1j * learned.fp_eigenvalue_imag - values
    relative = (100 * abs(wrong) / abs(values)).where(values.real > 0)
    apart = abs(learned.fp_state - truth.fp_state).sel(state="V")
    control = scores["V_S"]
    below = control < edge
    flat: dict[str, dict[str, Any]] = {}
    for name, inside in (("below", below), ("above", ~below)):
        if not bool(inside.any()):
            continue
        where = f"[V_S {name} {edge:g}]"
        for key, value, unit in (
            ("fixed_point_error_max", apart[inside].max(), "mV"),
            ("eigenvalue_error_unstable_median", relative[inside].median(), "%"),
            ("eigenvalue_error_unstable_max", relative[inside].max(), "%"),
        ):
            number = float(value) if np.isfinite(value) else None
            flat[key + where] = {"value": number, "unit": unit, "floor": None}
    return flat


def over_seeds(flats: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Median of every score over the seeds under its own name, extremes beside it."""
    merged = {}
    for key, entry in flats[0].items():
        values = [flat[key]["value"] for flat in flats if key in flat]
        known = [v for v in values if v is not None]
        merged[key] = {
            **entry,
            "value": float(np.median(known)) if known else None,
            "min": min(known, default=None),
            "max": max(known, default=None),
            "seeds": len(flats),
            "missing": len(flats) - len(known),
        }
    return merged


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_suffix(".part")
    partial.write_text(text)
    partial.replace(path)


if __name__ == "__main__":
    main()
