"""Does a map that never saw the resting branch of a bistable neuron have it, where it should?

Question: with an extra potassium current the Sherman-Rinzel neuron rests for V_S in (-37.053,
    -34.976) mV beside its bursting. A map is trained on the oscillations only. Does it have the
    rest state, its eigenvalues, both Hopf points, and the small basin around it?
Expect: with transients from random starts, yes: they pass around the rest state on all sides. From
    the attractor alone it has to be extrapolated in the slow variable S; found, but less well.
    A map of the monostable neuron has no stable rest state anywhere (control).
Data: Brian2, RK4. A start is kept only if, followed for 100 s more, it ends up spiking for 60 s. A
    basin is invariant, so every state of a kept cut lies outside the basin of rest. What was
    dropped is counted. V_S in [-44.5, -32.5] (all of the oscillations above the lowest Hopf point,
    -44.72) and the box of starts are those of the study bursting-map.
Protocols: `transients` (attractor and transients), `attractor` (attractor only), `control` (the
    monostable neuron, with transients); several seeds. Pictured: the seed of least training error.
Result: full preset, ten seeds each: a stable rest state in 10 of 10 maps of both protocols, in none
    of the control. With transients (medians): position within 0.003 mV, Hopf points within 0.007
    and 0.009 mV, the fate of the truth from 99.8 % or more of the starts; from the attractor alone
    0.011 mV and 97 %. Eigenvalues within 2 % + 0.05 1/s at four of five V_S (medians, with
    transients), not beside the upper Hopf point. All numbers: docs/results.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

Adam, LM = sns.models.Adam, sns.models.LevenbergMarquardt
BISTABLE, MONOSTABLE = "sherman-bistable", "sherman"
STATES = ("V", "n", "S")
STEP = "10 ms"
BOX = (-44.5, -32.5)
TEST = (-44.0, -33.0)
TABLE = (-37.0, -36.5, -36.0, -35.5, -35.0)  # V_S of the published-style table
MIDDLE = -36.0
RANDOM_START = {"V": (-65.0, -20.0), "n": (0.0, 0.1), "S": (0.165, 0.225)}
BASIN_BOX = {"V": (-65.0, -20.0), "n": (0.0, 0.08), "S": (0.17, 0.19)}
LARGE = {"V": -30.0, "n": 0.0206, "S": 0.178}
SCALE = np.array([12.0, 0.02, 0.004])  # of distances in (V, n, S)
LONG = {"duration": "40 s", "transient": "60 s", "dt": "2 ms"}
SHARE = ("basin_fraction", "basin_fraction_low", "basin_fraction_high")
WARM = (Adam(steps=2000), LM(iterations=150, points=5000), LM(iterations=60, points=15000))
LONGER = (LM(iterations=150, points=30000), LM(iterations=15, points=60000))


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim; a schedule of training for each protocol."""

    attractors: int = 512
    starts: int = 2048
    seeds: tuple[int, ...] = (0, 1)
    hidden: tuple[int, ...] = (24, 24)
    transients: tuple[Any, ...] = (*WARM, LM(iterations=70, points=30000))
    attractor: tuple[Any, ...] = (*WARM, LM(iterations=70, points=30000))
    control: tuple[Any, ...] = WARM
    grid: int = 111
    branch: int = 241
    basin: int = 500
    slice: int = 25
    labels: int = 12  # starts per V_S of the labels by multi-start


TINY = (Adam(steps=300, batch=256), LM(iterations=15, points=800))
PRESETS = {
    "tiny": Preset(
        attractors=12, starts=24, seeds=(0,), hidden=(10,), transients=TINY,
        attractor=TINY, control=TINY, grid=5, branch=25, basin=8, slice=4, labels=2,
    ),
    "quick": Preset(),
    "full": Preset(
        seeds=tuple(range(10)), grid=221, basin=1000, slice=41,
        transients=(*WARM, *LONGER), control=(WARM[0], LM(iterations=120, points=4000)),
    ),
}  # fmt: skip
# name -> system, and whether transients are shown beside the attractor
PROTOCOLS = {
    "transients": (BISTABLE, True),
    "attractor": (BISTABLE, False),
    "control": (MONOSTABLE, True),
}


def main(preset: str = "quick", out: Path = Path("runs/bistable-map")) -> xr.Dataset:
    """Run the study; what is there and matches is reused.

    Returns:
        Scores of the reported map of `transients`, with the medians over seeds beside them.
    """
    size, out = PRESETS[preset], Path(out)
    (out / "data").mkdir(parents=True, exist_ok=True)
    truth, again = (ends_of(BISTABLE, size, seed) for seed in (0, 1))  # other random starts
    shares = zip(SHARE, share(truth), share(again), strict=True)
    summary = {f"truth.{name}": entry(value, floor=other) for name, value, other in shares}
    runs: dict[str, list[Run]] = {}
    maps: dict[str, list[sns.Surrogate]] = {}
    for name, (system, with_transients) in PROTOCOLS.items():
        train, leaks = training(system, with_transients, size, out / "data" / system)
        maps[name] = sns.fit_seeds(
            sns.models.RecurrentMap(hidden=size.hidden),
            train,
            size.seeds,
            schedule=getattr(size, name),
            out=out / name / "seeds",
        )
        runs[name] = [measure(one, system, truth, size) for one in maps[name]]
        flat = over_seeds([run.scores for run in runs[name]]) | leaks
        flat |= distances(train) if system == BISTABLE else {}
        summary |= {f"{name}.{key}": value for key, value in flat.items()}
        write(out / "scores.json", json.dumps(summary, indent=1) + "\n")
    best = min(maps["transients"], key=lambda one: one.card["training"]["loss"])
    test = sns.simulate(
        BISTABLE,
        sns.Design.grid({"V_S": np.linspace(*TEST, size.grid)}),
        duration="60 s",
        record_every=STEP,
        transient="40 s",
        out=out / "data" / "test.nc",
    )
    scores = sns.evaluate(test, best, boundary_tolerance=0.02)
    summary |= sns.to_json(scores)
    scores = scores.merge(pictures(runs, truth, best, size), combine_attrs="override")
    scores = with_tables(scores, summary)
    best.card["scores"] = sns.to_json(scores)
    best.save(out / "surrogate")
    sns.save_scores(scores, out / "scores.nc")
    write(out / "scores.json", json.dumps(summary, indent=1) + "\n")
    sns.report(scores, out / "report.html")
    return scores


def training(
    system: str, with_transients: bool, size: Preset, at: Path
) -> tuple[list[xr.Dataset], dict[str, dict[str, Any]]]:
    """Cuts of the oscillatory branch, and how many starts were dropped because they rest."""
    kinds = {"attractors": (sns.Design.sobol({"V_S": BOX}, n=size.attractors, seed=1), "20 s")}
    if with_transients:
        starts = sns.Design.sobol({"V_S": BOX}, n=size.starts, seed=2, initial=RANDOM_START)
        kinds["transients"] = (starts, "6 s")
    train, leaks = [], {}
    for kind, (design, length) in kinds.items():
        file, every = at.with_name(f"{at.name}-ends-{kind}.nc"), {"record_every": STEP}
        ends = sns.simulate(system, design, duration="60 s", transient="100 s", out=file, **every)
        spikes = sns.regimes(ends).values > sns.features.QUIESCENT
        kept = {s: ends[f"initial_{s}"].values[spikes] for s in STATES}
        cuts = sns.simulate(
            system,
            sns.Design.points({"V_S": ends["V_S"].values[spikes]}, initial=kept),
            duration=length,
            transient="40 s" if kind == "attractors" else "0 s",
            out=at.with_name(f"{at.name}-{kind}.nc"),
            **every,
        )
        train.append(cuts)
        leaks[f"{kind}.started"] = entry(spikes.size, floor=None)
        leaks[f"{kind}.dropped"] = entry(int((~spikes).sum()), floor=None)
    return train, leaks


def distances(train: list[xr.Dataset]) -> dict[str, dict[str, Any]]:
    """How near the cuts around every V_S of the table come to rest, and how far below it S stays.

    Distances in units of SCALE, each from the rest state of the cut's own V_S.
    """
    flat = {}
    for v_s in TABLE:
        nearest, below = np.inf, np.inf
        for cuts in train:
            near = np.flatnonzero(np.abs(cuts["V_S"].values - v_s) < 0.25)
            if near.size:
                rest = sns.dynamics.fixed_points(BISTABLE, {"V_S": cuts["V_S"].values[near]})
                gaps = np.stack([cuts[s].values[near] - rest[s].values[:, :1] for s in STATES], -1)
                nearest = min(nearest, float(np.sqrt(((gaps / SCALE) ** 2).sum(-1)).min()))
                below = min(below, -float(gaps[..., 2].max()))
        flat[f"distance[V_S {v_s:g}]"] = entry(nearest, floor=None)
        flat[f"S_beyond_data[V_S {v_s:g}]"] = entry(below, floor=None)
    return flat


@dataclass(frozen=True)
class Run:
    """One map: its scores, its fixed points beside the truth's, where its starts end."""

    scores: dict[str, dict[str, Any]]
    branch: xr.Dataset
    ends: xr.Dataset | None


def measure(surrogate: sns.Surrogate, system: str, truth: xr.Dataset, size: Preset) -> Run:
    """Everything that is asked of one map."""
    values = np.unique(np.concatenate([np.linspace(*BOX, size.branch), TABLE]))
    branch = sns.dynamics.compare_branches(system, surrogate, "V_S", values)
    edges = np.abs(values[:, None] - branch["hopf_truth"].values).min(1, initial=np.inf)
    invented = (branch["invented"].values > 0) & (edges > 0.1)  # an edge is a Hopf error
    scores = {
        "training_error": entry(surrogate.card["training"]["loss"]),
        "false_discoveries": entry(float(invented.any())),
    }
    if system != BISTABLE:
        return Run(scores, branch, None)

    at = branch.isel(point=0).set_index(sample="V_S")
    window, error = at["stable_truth"].values, at["error"].values[:, 0]
    table, middle = at.sel(sample=list(TABLE)), at.sel(sample=MIDDLE)
    shift = np.abs(branch["hopf"] - branch["hopf_truth"]).values[-2:]
    ends = ends_of(surrogate, size)
    scores |= {
        "found": entry(float(middle["stable"] and middle["error"][0] < 1.0)),
        "window_share": entry(float(at["stable"].values[window].mean()), floor=1.0),
        "position_error": entry(float(table["error"][:, 0].max(skipna=False)), "mV"),
        "position_error_window": entry(float(error[window].max()), "mV"),
        "hopf_lower_error": entry(float(shift[0]), "mV"),
        "hopf_upper_error": entry(float(shift[1]), "mV"),
        "eigenvalue_excess": entry(float(table["eigenvalue_excess"].max(skipna=False))),
        "coexists": entry(coexists(surrogate), floor=1.0),
        "basin_same_fate": entry(float((ends.rests == truth.rests).mean()), floor=1.0),
        "labels_agree": entry(float((ends.labels == truth.labels).mean()), floor=1.0),
    }
    for name, value, exact in zip(SHARE, share(ends), share(truth), strict=True):
        scores[name] = entry(value, floor=exact)
    for v_s in TABLE:
        here = at.sel(sample=v_s)
        scores[f"position_error[V_S {v_s:g}]"] = entry(float(here["error"][0]), "mV")
        worst = here["eigenvalue_excess"].max(skipna=False)
        scores[f"eigenvalue_excess[V_S {v_s:g}]"] = entry(float(worst))
    return Run(scores, branch, ends)


def coexists(surrogate: sns.Surrogate) -> float:
    """Share of three V_S at which a start beside rest comes to rest and a large one does not."""
    right = []
    for v_s in (-36.5, -36.0, -35.5):
        starts = {s: [value, LARGE[s]] for s, value in beside_rest(v_s).items()}
        table = sns.dynamics.basins(surrogate, {"V_S": v_s}, starts=starts, **LONG)
        ended = bool((table["attractor"] >= 0).all())
        right.append(ended and table["rests"].values[0].tolist() == [True, False])
    return float(np.mean(right))


def beside_rest(v_s: float, by: float = 0.25) -> dict[str, float]:
    """The rest state of the equations, moved in V (mV)."""
    rest = sns.dynamics.fixed_points(BISTABLE, {"V_S": v_s})
    return {s: float(rest[s][0, 0]) + (by if s == "V" else 0.0) for s in STATES}


def ends_of(source: Any, size: Preset, seed: int = 0) -> xr.Dataset:
    """Where random starts of the box end in the middle of the window; regimes along V_S."""
    mixed = sns.dynamics.coexistence(
        source, {"V_S": np.linspace(*TEST, 23)}, box=BASIN_BOX, n=size.labels, **LONG
    )
    table = sns.dynamics.basins(
        source, {"V_S": MIDDLE}, box=BASIN_BOX, n=size.basin, seed=seed, **LONG
    )
    return table.assign(labels=("value", mixed["regime"].values))


def share(ends: xr.Dataset) -> list[float]:
    """Share of the box that ends at rest, and its confidence interval."""
    return [float(ends[f"rest_fraction{end}"][0]) for end in ("", "_low", "_high")]


def pictures(
    runs: dict[str, list[Run]], truth: xr.Dataset, best: sns.Surrogate, size: Preset
) -> Any:
    """What the figures of the unseen branch show (the panels `rest_*` of the report)."""
    every = [(name, run) for name, group in runs.items() for run in group]
    flat = [run.branch.isel(point=0) for _, run in every]
    first = [group[0].branch.isel(point=0) for group in runs.values()]
    shares = [("truth", share(truth))]
    shares += [(name, share(run.ends)) for name, run in every if run.ends is not None]
    point = beside_rest(MIDDLE, by=0.0)
    axes = {
        "V": point["V"] + np.linspace(-5, 5, size.slice),
        "S": point["S"] + np.linspace(-0.008, 0.008, size.slice),
    }
    keywords: dict[str, Any] = {"axes": axes, "at": {"n": point["n"]}} | LONG
    planes = [
        sns.dynamics.basin_slice(source, {"V_S": MIDDLE}, **keywords)["resting"].values
        for source in (BISTABLE, best)
    ]
    starts = {s: np.array([value, LARGE[s]]) for s, value in beside_rest(MIDDLE).items()}
    design = sns.Design.points({"V_S": [MIDDLE, MIDDLE]}, initial=starts)
    traces = sns.simulate(BISTABLE, design, duration="30 s", record_every=STEP)
    learned = best.rollout(starts, {"V_S": np.full(2, MIDDLE)}, "30 s")
    line, run = ("rest_protocol", "rest_value"), ("rest_run", "rest_value")
    trace = ("rest_source", "rest_start", "rest_time")
    return xr.Dataset(
        {
            "rest_state": (run, [t["position"].values[:, 0] for t in flat], {"units": "mV"}),
            "rest_leading": (run, [t["leading"].values for t in flat], {"units": "1/s"}),
            "rest_state_truth": (line, [t["position_truth"].values[:, 0] for t in first]),
            "rest_leading_truth": (line, [t["leading_truth"].values for t in first]),
            "rest_run_protocol": ("rest_run", [name for name, _ in every]),
            "rest_share": (("rest_basin", "rest_bound"), [share for _, share in shares]),
            "rest_basin_protocol": ("rest_basin", [name for name, _ in shares]),
            "rest_plane": (("rest_source", "rest_V", "rest_S"), planes),
            "rest_point": ("rest_axis", [point["V"], point["S"]]),
            "rest_trace": (trace, [traces["V"].values, learned["V"].values], {"units": "mV"}),
        },
        {
            "rest_value": ("rest_value", flat[0]["V_S"].values, {"units": "mV"}),
            "rest_protocol": list(runs),
            "rest_start": ["beside the rest state", "large amplitude"],
            "rest_time": ("rest_time", traces["time"].values, {"units": "s"}),
            **{f"rest_{s}": (f"rest_{s}", values) for s, values in axes.items()},
        },
    )


ROWS = {
    "found": "maps with the unseen rest state",
    "position_error": "rest state, largest error (mV)",
    "hopf_lower_error": "lower Hopf point, error (mV)",
    "hopf_upper_error": "upper Hopf point, error (mV)",
    "eigenvalue_excess": "eigenvalues, largest error over 2 % + 0.05 1/s",
    "coexists": "rest beside bursting, share of V_S",
    "basin_fraction": "basin of rest, share of the box",
    "basin_same_fate": "same fate as the truth, share of starts",
    "labels_agree": "regimes by multi-start, agreement",
    "false_discoveries": "maps with a rest state that does not exist",
    "training_error": "training error",
    "transients.dropped": "transients dropped as resting",
}


def with_tables(scores: xr.Dataset, summary: dict[str, dict[str, Any]]) -> xr.Dataset:
    """The scores with the tables and tiles of the page."""

    def cell(key: str) -> str:
        value, low, high = (summary.get(key, {}).get(end) for end in ("value", "min", "max"))
        spread = "" if low == high else f" ({low:.3g} to {high:.3g})"
        return "–" if value is None else f"{value:.3g}{spread}"

    pair = ("transients", "attractor")
    asked = ("distance", "S_beyond_data", "position_error", "eigenvalue_excess")
    words = ("distance", "S", "error", "eigenvalues")
    why = [[f"{v:g}", *(cell(f"{n}.{k}[V_S {v:g}]") for n in pair for k in asked)] for v in TABLE]
    every = {
        "title": "All maps",
        "head": ["median over seeds (extremes)", *PROTOCOLS],
        "rows": [[text, *(cell(f"{n}.{key}") for n in PROTOCOLS)] for key, text in ROWS.items()],
        "caption": f"Basin of the truth: {cell('truth.basin_fraction')}. Maps are counted.",
    }
    shown = {
        "title": "What was shown of the rest state",
        "head": ["V_S", *(f"{text}, {n}" for n in pair for text in words)],
        "rows": why,
        "caption": "Distance of the nearest cut from the rest state in (12 mV, 0.02, 0.004); how "
        "far its S lies beyond the largest S shown (below 0: it does not); error of V (mV); "
        "largest error of an eigenvalue over 2 % + 0.05 1/s.",
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
    return scores.assign(found).assign_attrs(tables=json.dumps([every, shown]))


def over_seeds(flats: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Median over seeds (one without a number counts as the worst); discoveries are counted."""
    merged = {}
    for key, first in flats[0].items():
        values = [flat[key]["value"] for flat in flats]
        known = [v for v in values if v is not None]
        middle = np.median([np.inf if v is None else v for v in values])
        value = sum(known) if key in ("found", "false_discoveries") else float(middle)
        merged[key] = entry(value, first["unit"], first["floor"]) | {
            "min": min(known, default=None),
            "max": max(known, default=None),
            "every": values,
            "seeds": len(flats),
            "missing": values.count(None),
        }
    return merged


def entry(value: float, unit: str = "1", floor: float | None = 0.0) -> dict[str, Any]:
    """A score; what is not finite does not exist."""
    return {"value": value if np.isfinite(value) else None, "unit": unit, "floor": floor}


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").replace(path)


if __name__ == "__main__":
    main()
