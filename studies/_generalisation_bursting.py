"""The bursting neuron of the study parameter-generalisation: data, labels, boundaries.

Four classes: rest, tonic spiking and bursting as reached from the stated large start, and bistable,
where the neuron spikes from there although its equations (or the map) have a stable rest state.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

SYSTEM, STEP = "sherman", "10 ms"
STATES = ("V", "n", "S")
CLASSES = ("rest", "tonic", "bursting", "bistable")
BISTABLE = 3
BOX = {"V_S": (-47.0, -31.0), "g_K2": (0.0, 0.16)}
RANDOM_START = {"V": (-65.0, -20.0), "n": (0.0, 0.1), "S": (0.165, 0.225)}
LINES = (0.03, 0.125)  # g_K2 of the lines along V_S on which boundaries are compared
FEATURES = ("rate", "burst_period", "spikes_per_burst")
HELD_OUT = {
    # the rest island above g_K2 = 0.14 and most of the bistable wedge lie outside
    "extrapolation": sns.splits.Outside({"V_S": (-46.0, -32.0), "g_K2": (0.0, 0.11)}),
    "band": sns.splits.Inside({"V_S": (-36.0, -33.2)}),  # across the end of bursting
    "regime": sns.splits.Regimes(("tonic",)),
}


def prepare(size: Any, data: Path) -> SimpleNamespace:
    """Everything that the study asks of this side."""
    points = sns.Design.sobol(BOX, n=max(size.points), seed=1)
    pool = record(points, size.record, data / "bursting-pool.nc")
    attractors = record(points, size.attractor, data / "bursting-attractors.nc")
    transients = sns.simulate(
        SYSTEM,
        starts(points, size.transients),
        duration="6 s",
        record_every=STEP,
        out=data / "bursting-transients.nc",
    )
    tested = sns.Design.sobol(BOX, n=size.tests, seed=3)
    test = record(tested, size.record, data / "bursting-test.nc")
    twin = record(tested, size.record, data / "bursting-twin.nc", dt="0.5 ms")
    lines = []
    for g in LINES:
        along = sns.Design.grid({"g_K2": [g], "V_S": np.linspace(*BOX["V_S"], size.line)})
        file = data / f"bursting-line-{g:g}.nc"
        truth = record(along, size.record, file)
        again = record(along, size.record, file.with_name(f"{file.stem}-twin.nc"), dt="0.5 ms")
        lines.append((f"g_K2 = {g:g}", truth, table(truth), table(again)))
    return SimpleNamespace(
        name="bursting",
        title="Bursting neuron",
        box=sns.generalisation.Box(sides=BOX),
        plane=("V_S", "g_K2"),
        classes=CLASSES,
        held_out=HELD_OUT,
        pool=pool,
        known=table(pool),
        train=[attractors, transients],
        test=test,
        truth=table(test),
        twin=twin,
        again=table(twin),
        lines=lines,
        model=sns.models.RecurrentMap(hidden=size.hidden),
        schedule=size.bursting,
        read=read,
        finish=lambda guess: guess,
        boundaries=boundaries,
        features=FEATURES,
        main_error="rate",
    )


def record(design: sns.Design, length: str, file: Path, dt: str | None = None) -> xr.Dataset:
    """Runs after the transient from the large start that the system states."""
    return sns.simulate(
        SYSTEM, design, duration=length, record_every=STEP, transient="40 s", dt=dt, out=file
    )


def starts(points: sns.Design, each: int) -> sns.Design:
    """Random states at the points of a design, some at each."""
    columns = {name: np.repeat(values, each) for name, values in points.parameters.items()}
    return sns.Design.points(columns, initial=RANDOM_START, seed=2)


def table(ds: xr.Dataset, source: Any = SYSTEM) -> xr.Dataset:
    """Features and codes of every sample.

    Args:
        ds: runs from the large start, of the equations or of a map.
        source: what has the rest state or not: the system, or the map.
    """
    regime = sns.regimes(ds).values
    points = {name: ds[name].values for name in BOX}
    fixed = sns.dynamics.fixed_points(source, points, starts=8)
    stable = (fixed["found"] & fixed["inside"] & (fixed["unstable"] == 0)).any("point").values
    code = np.where((regime > 0) & stable, BISTABLE, regime).astype(np.int8)
    return sns.features.summary(ds)[list(FEATURES)].assign(
        code=("sample", code),
        regime=("sample", regime.astype(np.int8)),
        stable=("sample", stable.astype(np.int8)),
    )


def read(surrogate: sns.Surrogate, truth: xr.Dataset) -> xr.Dataset:
    """The table of a map: it starts from the truth's states at the end of the transient."""
    start = {name: truth[name].values[:, 0] for name in STATES}
    points = {name: truth[name].values for name in BOX}
    with warnings.catch_warnings():  # leaving the box of training is what is asked of it
        warnings.simplefilter("ignore", UserWarning)
        run = surrogate.rollout(start, points, truth.attrs["duration"])
        return table(run, surrogate)


def boundaries(line: xr.Dataset, truth: xr.Dataset, guess: xr.Dataset) -> dict[str, float]:
    """Errors (mV) of the changes of regime, and of where the rest state is stable."""
    v_s = line["V_S"].values
    found = sns.generalisation.boundary_errors(v_s, truth["regime"], guess["regime"])
    rest = sns.generalisation.boundary_errors(
        v_s, truth["stable"], guess["stable"], names=("rest unstable", "rest stable")
    )
    return found | rest
