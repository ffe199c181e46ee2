"""Parameters of the neuron as inputs of the surrogate: temperature, and the sodium conductance.

One network is trained at a few values of the parameter and measured at all of them and between:
firing rate over current and parameter, and where lasting firing begins.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

SYSTEM, STEP = "hodgkin-huxley", "0.1 ms"
ONSET = 5.0  # ms, of the measured steps
UNITS = {"celsius": "degree Celsius", "g_Na": "mS/cm**2"}
# Where the training currents lie: quantiles, dense where firing begins at some value.
_QUANTILES = (0.0, 0.16, 0.22, 0.62, 1.0)
_CURRENTS = (-9.0, -2.5, 1.0, 12.0, 62.0)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim.

    Attributes:
        trained: parameter -> values trained at; measured are these and the midpoints.
        steps: steps of current at each value.
        noise: records under noise at each value.
        duration: of a training record.
        units: states of the network.
        seeds: one training each.
        currents: measured steps.
        measured: length of a measured step.
        schedule: stages of a training.
    """

    trained: dict[str, tuple[float, ...]]
    steps: int = 13
    noise: int = 10
    duration: str = "150 ms"
    units: int = 3
    seeds: tuple[int, ...] = (100,)
    currents: tuple[float, ...] = (*np.arange(1.5, 16.0, 0.5), *np.arange(16.0, 61.0, 4.0))
    measured: str = "405 ms"
    schedule: tuple[Any, ...]


# Starts that imitate gates at all values of the parameter rarely end badly: few are needed.
_SCHEDULE = (
    sns.models.Starts(count=8, keep=5),
    sns.models.FromRest(duration="50 ms", rounds=2, iterations=12, random=8, candidates=3),
    sns.models.FromRest(duration="80 ms", rounds=1, iterations=12, candidates=3),
    sns.models.FromRest(rounds=3, iterations=10, candidates=2),
    sns.models.FromRest(rounds=4, iterations=12, random=24, candidates=1),
)
_TRAINED = {
    "celsius": (6.3, 8.5, 11.0, 14.0, 17.0, 20.0),
    "g_Na": (90.0, 102.0, 114.0, 126.0, 138.0, 150.0),
}
PRESETS = {
    "tiny": Preset(
        trained={"celsius": (6.3, 10.0)},
        steps=4,
        noise=1,
        duration="20 ms",
        currents=(5.0, 10.0, 30.0),
        measured="65 ms",
        schedule=(sns.models.Starts(count=1, horizons=(("3 ms", 30),), first=8, alive=-1e9),),
    ),
    "quick": Preset(trained={"celsius": _TRAINED["celsius"]}, schedule=_SCHEDULE),
    "full": Preset(trained=_TRAINED, schedule=_SCHEDULE),
}


def run(
    size: Preset, out: Path, workers: int = 1
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]], dict[str, xr.Dataset]]:
    """Train and measure; what is on disk and matches is reused.

    Args:
        size: of `PRESETS`.
        out: folder for data and surrogates.
        workers: threads of a training.

    Returns:
        Flat scores name -> value, unit, floor; tables; heading -> dataset with ``rate`` (source,
        value, current) in Hz, NaN without lasting firing, and ``trained`` (value).
    """
    flat: dict[str, dict[str, Any]] = {}
    rows: list[list[str]] = []
    rates: list[list[str]] = []
    surfaces: dict[str, xr.Dataset] = {}
    for name, values in size.trained.items():
        folder = Path(out) / name
        folder.mkdir(parents=True, exist_ok=True)
        train = data_conditioned(name, values, size, folder)
        model = sns.models.ContinuousGRU(units=size.units)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"start \d+ died")
            found = [
                sns.fit(
                    model, train, seed=seed, schedule=size.schedule, workers=workers,
                    out=folder / f"surrogate-{seed}", progress=False,
                )
                for seed in size.seeds
            ]  # fmt: skip
        true = surface(SYSTEM, name, values, size, folder / "steps.nc")
        tables = [surface(s, name, values, size) for s in found]
        scores = [compared(true, table) for table in tables]
        for seed, score in zip(size.seeds, scores, strict=True):
            for key, (value, unit) in score.items():
                flat[f"conditioned.{name}.seed_{seed}.{key}"] = {
                    "value": value, "unit": unit, "floor": None,
                }  # fmt: skip
            rows.append([name, str(seed), *(f"{v:.3g} {u}".strip() for v, u in score.values())])
        for seed, surrogate in zip(size.seeds, found, strict=True):
            rates.append([name, str(seed), *(f"{v:.2f}" for v in speeds(surrogate))])
        best = int(np.argmax([score["cells_right"][0] for score in scores]))
        heading = f"Firing rate over current and {name}, seed {size.seeds[best]}"
        surfaces[heading] = true.assign(
            rate=xr.concat([true["rate"], tables[best]["rate"]], dim="source")
        ).assign_coords(source=["truth", "surrogate"])
    head = ["parameter", "seed", *next(iter(scores))] if rows else []
    caption = (
        f"One network of {size.units} units, trained at "
        + "; ".join(f"{k} = {', '.join(f'{v:g}' for v in vs)}" for k, vs in size.trained.items())
        + "; scores at the midpoints between these values, which it never saw."
    )
    tables_out = [
        {
            "title": "A parameter of the neuron as an input of the network",
            "caption": caption, "head": head, "rows": rows,
        },
        {
            "title": "Speed of each unit at the highest over that at the lowest parameter",
            "caption": (
                "1 - z at rest. The neuron's gates run 3^((T - 6.3)/10) times as fast at T: 4.5 "
                "times at 20 degrees; g_Na leaves them as they are."
            ),
            "head": ["parameter", "seed", *(f"unit {i + 1}" for i in range(size.units))],
            "rows": rates,
        },
    ]  # fmt: skip
    return flat, tables_out, surfaces


def data_conditioned(
    name: str, values: tuple[float, ...], size: Preset, folder: Path
) -> list[xr.Dataset]:
    """Steps, releases and noise at every value of a parameter, all from rest."""
    n = len(values)
    given: dict[str, Any] = {"duration": size.duration, "record_every": STEP, "progress": False}
    # currents differ between the values, so that together they are dense
    shift = (0.618 * np.arange(n)) % 1.0
    quantile = (np.arange(size.steps) + shift[:, None]) / size.steps
    steps = sns.simulate(
        SYSTEM,
        sns.Design.points({
            name: np.repeat(values, size.steps),
            "amplitude": np.interp(quantile, _QUANTILES, _CURRENTS).ravel(),
        }),
        protocol=sns.protocols.step("amplitude", start="2 ms"),
        out=folder / "train-steps.nc",
        **given,
    )  # fmt: skip
    rng = np.random.default_rng(12)
    depth = np.stack([rng.uniform(*r, n) for r in ((-3.5, -2.2), (-5.0, -3.2), (-10.0, -5.0))], 1)
    pulses = sns.simulate(
        SYSTEM,
        sns.Design.points({
            name: np.repeat(values, 3),
            "amplitude": depth.ravel(),
            "width": np.tile([60.0, 50.0, 40.0], n),
        }),
        protocol=sns.protocols.step("amplitude", start="2 ms", duration="width"),
        out=folder / "train-pulses.nc",
        **given,
    )  # fmt: skip
    sd = rng.uniform(2.0, 7.0, n * size.noise)
    noise = sns.simulate(
        SYSTEM,
        sns.Design.points({
            name: np.tile(values, size.noise),
            "mean": np.maximum(rng.uniform(0.0, 14.0, sd.size), 2.5 * sd - 10.0),
            "sd": sd,
            "tau": rng.uniform(1.0, 8.0, sd.size),
        }),
        protocol=sns.protocols.ou(mean="mean", sd="sd", tau="tau", step=STEP, rule="hold"),
        seed=5,
        out=folder / "train-noise.nc",
        **given,
    )  # fmt: skip
    return [steps, pulses, noise]


def surface(
    source: Any, name: str, values: tuple[float, ...], size: Preset, path: Path | None = None
) -> xr.Dataset:
    """Firing rates over the values trained at, those between, and currents."""
    trained = np.asarray(values, dtype=float)
    every = np.sort(np.concatenate([trained, (trained[1:] + trained[:-1]) / 2]))
    at, current = (
        a.ravel() for a in np.meshgrid(every, np.array(size.currents, float), indexing="ij")
    )
    columns = {name: at, "amplitude": current}
    protocol = sns.protocols.step("amplitude", start=f"{ONSET:g} ms")
    if isinstance(source, str):
        made = sns.simulate(
            source, sns.Design.points(columns), duration=size.measured, record_every="0.05 ms",
            protocol=protocol, progress=False, out=path,
        )  # fmt: skip
    else:
        made = source.rollout(None, columns, size.measured, protocol=protocol)
    found = sns.features.responses(made, onset=ONSET)
    rate = np.where(found["tonic"].values == 1, 1000.0 * found["steady_rate"].values, np.nan)
    return xr.Dataset(
        {
            "rate": (
                ("value", "current"), rate.reshape(len(every), -1), {"units": "Hz"},
            ),
            "trained": ("value", np.isin(every, trained)),
        },
        coords={
            "value": ("value", every, {"units": UNITS.get(name, ""), "long_name": name}),
            "current": ("current", np.array(size.currents, float), {"units": "uA/cm**2"}),
        },
    )  # fmt: skip


def compared(truth: xr.Dataset, made: xr.Dataset) -> dict[str, tuple[float, str]]:
    """Scores at the values between those trained at: name -> value, unit."""
    held = np.flatnonzero(~truth["trained"].values)
    a, b = truth["rate"].values[held], made["rate"].values[held]
    fires, says = np.isfinite(a), np.isfinite(b)
    away = 100.0 * np.abs(b - a)[fires & says] / a[fires & says]
    onset = [first(t, truth["current"].values) for t in (fires, says)]
    return {
        "rate_error_mean": (float(away.mean()) if away.size else np.inf, "%"),
        "rate_error_max": (float(away.max()) if away.size else np.inf, "%"),
        "cells_right": (100.0 * float((fires == says).mean()), "%"),
        "cells": (float(fires.size), ""),
        "onset_error_max": (float(np.abs(onset[1] - onset[0]).max()), "uA/cm**2"),
    }


def first(fires: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Least current with lasting firing at every value; infinite where none has."""
    return np.where(fires.any(axis=1), current[np.argmax(fires, axis=1)], np.inf)


def speeds(surrogate: sns.Surrogate) -> np.ndarray:
    """(1 - z) of every unit at the highest parameter over the lowest, in one state: rest."""
    theta = surrogate.module.state_dict()["theta"].numpy()
    block = {
        name: theta[place].reshape(shape)
        for name, (place, shape) in surrogate.model.blocks(1).items()
    }
    drive = block["U_z"] @ np.array(surrogate.card["rest"]) + block["b_z"]
    low, high = (1.0 / (1.0 + np.exp(drive + block["W_z"][:, 1] * q)) for q in (-1.0, 1.0))
    return np.asarray(high / low)
