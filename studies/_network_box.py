"""Points and records of the study network-surrogate: where it trains, where it is tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema

# seven parameters: tau_EE on a logarithmic scale, the weights 15 % up and down, one drive for both
BOX = {
    "tau_EE": (1.2, 4.0),
    "tau_IE": (0.9, 1.3),
    "S_EE": (4.25, 5.75),
    "S_IE": (1.7, 2.3),
    "S_EI": (4.1735, 5.6465),
    "S_II": (4.1735, 5.6465),
    "lambda_E": (5.0, 8.0),
}
WIDER = 0.06  # of a side, on both ends: a test at the edge of the training data is no test
FAST = 2.2  # ms: below this tau_EE, where the oscillation sets in, training points are denser
PRESETS = ("homogeneous", "regular", "synchronous")
RECORDS = 3  # runs of a test point on each side, laid end to end


def in_box(unit: np.ndarray) -> dict[str, np.ndarray]:
    """Parameter -> values at points (point, parameter) of the unit cube."""
    found = {}
    for u, (name, (low, high)) in zip(unit.T, BOX.items(), strict=True):
        found[name] = low * (high / low) ** u if name == "tau_EE" else low + (high - low) * u
    return found | {"lambda_I": found["lambda_E"]}


def cube(n: int, seed: int) -> np.ndarray:
    """Scrambled Sobol points (point, parameter) of the unit cube."""
    drawn = sns.Design.sobol({name: (0.0, 1.0) for name in BOX}, n=n, seed=seed).parameters
    return np.stack([drawn[name] for name in BOX], 1)


def sobol(n: int, seed: int) -> dict[str, np.ndarray]:
    """Sobol points of the box."""
    return in_box(cube(n, seed))


def training_points(n: int) -> dict[str, np.ndarray]:
    """Sobol points of a wider box: half over all of it, half where excitation is fast."""
    halves = [wider_box(cube(n // 2, 11)), wider_box(cube(n - n // 2, 111), top=FAST)]
    return {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}


def wider_box(unit: np.ndarray, top: float | None = None) -> dict[str, np.ndarray]:
    """As `in_box`, the box wider on both ends, tau_EE up to ``top`` if it is given."""
    found = {}
    for u, (name, ends) in zip(unit.T, BOX.items(), strict=True):
        log = name == "tau_EE"
        low, high = np.log(ends) if log else ends
        margin = WIDER * (high - low)
        low, high = low - margin, high + margin
        if log and top is not None:
            high = np.log(top)
        value = low + (high - low) * u
        found[name] = np.exp(value) if log else value
    return found | {"lambda_I": found["lambda_E"]}


def with_presets(points: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The points, then the three presets of the network."""
    network = sns.systems.get("markov-if")
    return {
        name: np.append(
            values, [network.presets[p].get(name, network.defaults[name]) for p in PRESETS]
        )
        for name, values in points.items()
    }


def plane(name: str, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """A grid over tau_EE and another parameter, the rest in the middle of the box."""
    first, second = np.meshgrid(np.linspace(0, 1, shape[0]), np.linspace(0, 1, shape[1]))
    unit = np.full((first.size, len(BOX)), 0.5)
    unit[:, 0], unit[:, list(BOX).index(name)] = first.ravel(), second.ravel()
    return in_box(unit)


def simulated(
    points: dict[str, np.ndarray],
    duration: str,
    out: Path,
    *,
    seed: int,
    histograms: bool = False,
    transient: str = "500 ms",
) -> xr.Dataset:
    """Exact runs of one process each point; what is on disk and matches is reused."""
    return sns.simulate(
        "markov-if",
        sns.Design.points(points),
        duration=duration,
        record_every="1 ms",
        transient=transient,
        engine="exact",
        record=["histograms"] if histograms else [],
        seed=seed,
        out=out,
        processes=1,
    )


def end_to_end(runs: Sequence[xr.Dataset]) -> xr.Dataset:
    """Runs of the same points laid end to end: one record for spectra and distributions.

    The first time of each further run is left out: its rates are those of the step before it.
    """
    first = runs[0]
    parts = [run.isel(time=slice(1 if i else 0, None)).load() for i, run in enumerate(runs)]
    step = float(first["time"][1] - first["time"][0])
    total = sum(part.sizes["time"] for part in parts)
    joined = xr.concat(
        [part.assign_coords(time=np.arange(part.sizes["time"])) for part in parts],
        dim="time",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    ).assign_coords(time=("time", np.arange(total) * step, first["time"].attrs))
    worst = np.max([run["status"].values for run in runs], axis=0)
    joined["status"] = ("sample", worst, first["status"].attrs)
    if "clipped" in joined:
        clipped = np.sum([run["clipped"].values for run in runs], axis=0)
        joined["clipped"] = ("sample", clipped, first["clipped"].attrs)
    seconds = (total - 1) * step / 1000
    joined.attrs["duration"] = f"{seconds:.12g} s"
    joined.attrs["content_hash"] = schema.content_hash(joined)
    return schema.validate(joined)


def both_sides(
    points: dict[str, np.ndarray], duration: str, data: Path, name: str
) -> tuple[xr.Dataset, xr.Dataset]:
    """Truth and twin: three runs each, every run with a seed of its own."""
    sides = []
    for k in range(2):
        runs = [
            simulated(points, duration, data / f"{name}-{seed}.nc", seed=seed)
            for seed in range(k * RECORDS, (k + 1) * RECORDS)
        ]
        sides.append(end_to_end(runs))
    return sides[0], sides[1]
