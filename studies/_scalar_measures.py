"""What the study scalar-reconstruction asks of one map, and how maps are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

FAMILIES = sns.families
BURSTING = sns.features.BURSTING
TEST = (-44.0, -33.0)  # V_S where maps of several series are judged
STARTS = 8  # held-out states from which a free run has to burst
RUN, BEFORE = "60 s", "60 s"
# what has to be reached, with the sense of it, by the median (shares: by the share of maps)
GOALS = {
    "one.bursts": (0.8, ">="),
    "one.spikes_error": (5.0, "<="),
    "one.period_error": (1.0, "<="),
    "one.newest_rms": (0.1, "<="),
    "three.agreement": (0.985, ">="),
    "three.mean_recall": (0.9, ">="),
    "noise-1.bursts": (0.6, ">="),
    "noise-1.period_error": (5.0, "<="),
}
UNITS = {"spikes_error": "%", "period_error": "%", "boundary_error": "mV", "seconds": "s",
         "newest_rms": "mV", "rest_error": "1"}  # fmt: skip
SHARES = ("accepted", "bursts", "in_order", "nearly_in_order", "present", "rest_beside")


def measure(
    surrogate: Any,
    records: tuple[xr.Dataset, xr.Dataset],
    part: Any,
    size: Any,
    truth: xr.Dataset,
    folder: Path,
) -> dict[str, Any]:
    """Scores of one map, JSON-able, from held-out records with and without their noise.

    Its sweeps are left in ``folder``.
    """
    held, clean = records
    seed = surrogate.card["training"]["seed"]
    scores = of_training(surrogate) | of_free_runs(surrogate, held, clean)
    if len(part.at) > 1:
        return scores | of_known(surrogate, held, truth, size, folder.parent)
    path = folder / f"families-{seed}.nc"
    path.unlink(missing_ok=True)
    reference = FAMILIES.regime_table(truth, "V_S")
    kinds = {"input": 1}
    if (part.scalar, part.noise, part.step, part.system) == ("V", 0.0, "10 ms", "sherman"):
        kinds |= {"bias": size.controls, "output": size.controls}  # the part `one`
    for kind, directions in kinds.items():
        rows: list[dict[str, Any]] = []
        for k in range(directions):
            try:
                table = sweep(surrogate, held, kind, 1000 * seed + k, size.points)
            except ValueError:  # the map rests or diverges at its own input
                rows.append({"present": False, "in_order": False, "nearly_in_order": False})
                continue
            table.to_netcdf(path, mode="a" if path.is_file() else "w", group=f"{kind}-{k}")
            row = FAMILIES.order(table)
            if part.scalar == "V":
                row |= {f"relation.{n}": v
                        for n, v in FAMILIES.affine_relation(table, reference).items()}  # fmt: skip
            if kind == "input":
                scores |= of_rest(table, part)
            rows.append(row)
        for name in dict.fromkeys(n for row in rows for n in row):
            scores[f"{kind}.{name}"] = [known(row.get(name)) for row in rows]
    return scores


def known(value: Any) -> Any:
    """A number that is none becomes None: JSON has no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def of_training(surrogate: Any) -> dict[str, Any]:
    """What the card says: whether its own criterion took the map, time, window, decoder."""
    card = surrogate.card
    accepted = card.get("acceptance", {})
    return {
        "accepted": float(bool(accepted.get("accepted"))),
        "seconds": card["training"]["seconds"],
        "distance": accepted.get("distance"),
        "latent": len(surrogate.states),
        "tried": len(accepted.get("tried", [])),
    }


def of_free_runs(surrogate: Any, held: xr.Dataset, clean: xr.Dataset) -> dict[str, Any]:
    """Free runs from states of the held-out series: regime, spikes, period; the decoder.

    A run does as the series if it has its regime and, bursting, its spikes within 50 %. Errors are
    those of the worst start.
    """
    alike: list[float] = []
    spikes: list[float] = []
    periods: list[float] = []
    newest: list[float] = []
    name = surrogate.observed[0]
    for i in range(held.sizes["sample"]):
        one, exact = sns.select(held, [i]), sns.select(clean, [i])
        latents = surrogate.encode(one)[0]
        wrong = surrogate.observe(latents)[name] - exact[name].values[0][-len(latents) :]
        newest.append(float(np.sqrt(np.mean(wrong**2))))
        places = np.linspace(0, len(latents) - 1, STARTS).astype(int)
        run = surrogate.rollout(
            {s: latents[places, k] for k, s in enumerate(surrogate.states)},
            {n: np.full(STARTS, trained(surrogate, one, n)) for n in surrogate.parameters},
            "120 s",
        )
        table = FAMILIES.regime_table(run, surrogate.parameters[0], transient=BEFORE)
        known = FAMILIES.regime_table(exact, "V_S")
        code = int(known["regime"].values[0])
        off = {
            key: 100 * abs(table[key].values / known[key].values[0] - 1)
            for key in ("period", "spikes_per_burst")
        }
        good = table["regime"].values == code
        if code == BURSTING:
            good &= off["spikes_per_burst"] <= 50
            spikes.append(float(off["spikes_per_burst"].max()))
        periods.append(float(off["period"].max()))
        alike.append(float(good.mean()))
    share = float(np.mean(alike))
    return {
        "starts": share,
        "bursts": float(share == 1.0),
        "spikes_error": worst(spikes, share),
        "period_error": worst(periods, share),
        "newest_rms": max(newest),
    }


def worst(values: list[float], share: float) -> float | None:
    """The largest error over the series; none where a run does not do what the series does."""
    finite = [v for v in values if np.isfinite(v)]
    return max(finite) if finite and share == 1.0 else None


def trained(surrogate: Any, ds: xr.Dataset, name: str) -> float:
    """Value of the input at which a series was shown."""
    if name in ds.coords and ds[name].dims == ("sample",):
        return float(ds[name][0])
    low, high = surrogate.box[name]
    return 0.5 * (low + high)


def start_of(surrogate: Any, held: xr.Dataset) -> dict[str, float]:
    """The last state of the first held-out series."""
    last = surrogate.encode(sns.select(held, [0]))[0][-1]
    return dict(zip(surrogate.states, map(float, last), strict=True))


def sweep(surrogate: Any, held: xr.Dataset, kind: str, seed: int, points: int) -> xr.Dataset:
    """The family of one kind through the trained map."""
    start = start_of(surrogate, held)
    family = FAMILIES.unfolding(surrogate, kind, start=list(start.values()), seed=seed)
    return FAMILIES.control_sweep(
        family, start=start, duration=RUN, transient=BEFORE, points=points,
        equilibria=kind == "input",
    )  # fmt: skip


def of_rest(table: xr.Dataset, part: Any) -> dict[str, Any]:
    """Stable rest beside motion: at the trained value, and anywhere under the input."""
    stable = (table["leading"].values < 0).any(axis=1)
    moves = np.isin(table["regime"].values, (1, BURSTING))
    both = stable & moves
    here = int(np.argmin(abs(table["value"].values - table.attrs["at"])))
    points = sns.dynamics.fixed_points(part.system, {"V_S": part.at[0]})
    exact = float(points[part.scalar][0, 0])
    found = table["rest"].values[here]
    error = np.nanmin(abs(found - exact)) if np.isfinite(found).any() else np.nan
    return {
        "rest_beside": float(both[here]),
        "rest_somewhere": float(both.any()),
        "rest_stretch": float(both[table["fine"].values].mean()),
        "rest_error": float(error) if np.isfinite(error) else None,
    }


def of_known(
    surrogate: Any, held: xr.Dataset, truth: xr.Dataset, size: Any, out: Path
) -> dict[str, Any]:
    """Regimes of a map whose input is V_S, beside those of the equations."""
    values = np.linspace(*TEST, size.grid)

    def swept(at: np.ndarray) -> xr.Dataset:
        return FAMILIES.control_sweep(
            surrogate, "V_S", at, start=start_of(surrogate, held), duration=RUN,
            transient=BEFORE, equilibria=False,
        )  # fmt: skip

    try:
        table = swept(values)
    except ValueError:  # the map diverges at its own inputs
        return {"agreement": 0.0, "mean_recall": 0.0}
    exact = FAMILIES.regime_table(truth, "V_S").interp(value=values, method="nearest")
    there, found = exact["regime"].values.astype(int), table["regime"].values
    recall = [(found[there == k] == k).mean() for k in np.unique(there)]
    both = (there == BURSTING) & (found == BURSTING)
    ratio = table["period"].values[both] / exact["period"].values[both]
    spikes = table["spikes_per_burst"].values[both] - exact["spikes_per_burst"].values[both]
    ends = edge(values, found), edge(*equations_around(size, out))
    if ends[0] is not None:  # once more between the two values of the grid
        half = 0.5 * (values[1] - values[0])
        finer = np.linspace(ends[0] - half, ends[0] + half, 21)
        ends = edge(finer, swept(finer)["regime"].values) or ends[0], ends[1]
    return {
        "agreement": float((there == found).mean()),
        "always_bursting": float((there == BURSTING).mean()),
        "mean_recall": float(np.mean(recall)),
        "boundary_error": None if None in ends else float(abs(ends[0] - ends[1])),
        "sweep_period_error": float(100 * np.median(abs(ratio - 1))) if both.any() else None,
        "sweep_spikes_difference": float(np.mean(abs(spikes))) if both.any() else None,
        "regimes": "".join("?rtbo"[int(c) + 1] for c in found),
    }


def equations_around(size: Any, out: Path) -> tuple[np.ndarray, np.ndarray]:
    """Regimes of the equations in small steps around the end of bursting (about -33.775 mV)."""
    span = np.arange(-33.9, -33.6, 0.005 if size.truth_step < 0.5 else 0.05)
    ds = sns.simulate(
        "sherman", sns.Design.grid({"V_S": span}), duration="60 s", record_every="10 ms",
        transient="60 s", out=out / "data" / "edge-sherman.nc",
    )  # fmt: skip
    return span, FAMILIES.regime_table(ds, "V_S")["regime"].values


def edge(values: np.ndarray, codes: np.ndarray) -> float | None:
    """Where bursting gives way to tonic spiking for good; None without such a place."""
    tonic = codes == 1
    if not tonic[-1] or tonic.all():
        return None
    last = int(np.flatnonzero(~tonic)[-1])
    return float(0.5 * (values[last] + values[last + 1]))


def over_seeds(every: dict[str, dict[int, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Median over maps (one without a number counts as the worst); shares are means."""
    merged: dict[str, dict[str, Any]] = {}
    for part, runs in every.items():
        names = dict.fromkeys(n for scores in runs.values() for n in scores)
        for name in names:
            values = [scores.get(name) for scores in runs.values()]
            flat = [x for v in values for x in (v if isinstance(v, list) else [v])]
            if any(isinstance(x, str) for x in flat):
                continue
            share = name.split(".")[-1] in SHARES or name.startswith("rest_some")
            numbers = [np.nan if x is None else float(x) for x in flat]
            higher = name in ("agreement", "mean_recall", "starts")
            filled = [(-np.inf if higher else np.inf) if np.isnan(x) else x for x in numbers]
            value = float(np.mean(np.nan_to_num(numbers)) if share else np.median(filled))
            finite = [x for x in numbers if np.isfinite(x)]
            entry = {
                "value": value if np.isfinite(value) else None,
                "unit": UNITS.get(name, "1"),
                "floor": None,
                "min": min(finite, default=None),
                "max": max(finite, default=None),
                "every": [x if np.isfinite(x) else None for x in numbers],
                "seeds": len(runs),
                "missing": len(numbers) - len(finite),
            }
            key = f"{part}.{name}"
            if key in GOALS:
                goal, sense = GOALS[key]
                worst_value = entry["value"]
                met = worst_value is not None and (
                    worst_value >= goal if sense == ">=" else worst_value <= goal
                )
                entry |= {"target": goal, "met": bool(met)}
            merged[key] = entry
    return merged


DIMENSIONS = {"bursting neuron": 3, "Lorenz-63": 3, "FitzHugh-Nagumo cycle": 2}


def known_systems(data: Path) -> dict[str, Any]:
    """Series whose dimension is known, beside the neuron's."""
    from scipy.integrate import solve_ivp

    def lorenz(_: float, u: Any) -> list[float]:
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    times = np.arange(0, 300, 0.02)
    x = solve_ivp(lorenz, (0, 300), [1.0, 1.0, 20.0], t_eval=times, rtol=1e-9, atol=1e-9).y[0]
    cycle = sns.simulate(
        "fitzhugh-nagumo", sns.Design.points({"I": [0.5]}), duration="2000 ms",
        record_every="0.4 ms", transient="500 ms", out=data / "cycle.nc",
    )  # fmt: skip
    return {
        "Lorenz-63": sns.embedding.Series(pieces=(x[1000:],), time_step=0.02),
        "FitzHugh-Nagumo cycle": cycle,
    }


def dimensions(out: Path) -> dict[str, dict[str, Any]]:
    """The choices so far."""
    found = {}
    for name, expected in DIMENSIONS.items():
        path = out / f"dimension-{name.replace(' ', '-')}.nc"
        if path.is_file():
            attrs = xr.load_dataset(path).attrs
            value = int(attrs["dimension"])
            found[f"dimension.{name}"] = {
                "value": float(value), "unit": "1", "floor": None, "target": float(expected),
                "met": value == expected, "min": float(value), "max": float(value),
                "every": [float(value)], "seeds": 1, "missing": 0,
                "votes": ", ".join(f"{k} {v}" for k, v in json.loads(attrs["votes"]).items()),
            }  # fmt: skip
    return found
