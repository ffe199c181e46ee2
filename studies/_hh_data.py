"""Stimuli of the study hh-gru: what is trained on, what settings were chosen by, what is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

import snnsurrogate as sns

NEURON = "hodgkin-huxley"
LENGTH, EVERY = "150 ms", "0.1 ms"  # of every training record; the step of the surrogates

# None of these is among the inputs of the test.
STEPS = (
    -11, -7.5, -4.5, -3.5, -2.5, -1.5, -0.6, 0, 0.6, 1.4, 1.9, 2.1, 2.4, 2.7, 3.4, 4.2, 5.2, 5.7,
    5.95, 6.4, 7.3, 8.4, 10.6, 12.5, 15.5, 19, 24, 30, 37, 44, 52,
)  # fmt: skip
# amplitude, duration in ms
PULSES = (
    (-1.6, 60), (-2.4, 60), (-2.65, 60), (-2.9, 60), (-3.3, 60), (-3.8, 40), (-4.5, 40), (-6, 40),
    (-8, 40), (-12, 30), (-7, 5), (-3.5, 5),
)  # fmt: skip

# What settings were chosen by: no input of it is in the training set or in the test.
DEVELOPMENT = sns.Battery(
    rates=(6.8, 7.4, 8.2, 9.8, 12, 14.5, 18, 23, 29, 35, 42, 49),
    latencies=(3.3, 4.3, 5.3, 6.2, 8, 9.6, 12.8, 16, 18.5),
    shaped=8.8,
    released=(-2.2, -3.6, -5.5, -9),
    steady=(-4.6, -3.4, -2.2, -0.8, 0.9, 2.2, 3.6, 4.8),
    noise=((1, 5, 4), (4, 6, 3), (7, 4, 5), (9, 7, 2.5)),
    seed=77,
)
SMALL = sns.Battery(
    rates=(9.8, 23.0), latencies=(3.3, 9.6), steady=(-2.2, 2.2), released=(-5.5,),
    noise=((7, 4, 5),), single=(1.5, 3.0), tonic=(5.5, 7.0), blocked=(), brief=(1.0,), seed=77,
)  # fmt: skip


def training(folder: Path, *, steps: int, pulses: int, noise: int, length: str) -> list[xr.Dataset]:
    """Steps, pulses with release, and Ornstein-Uhlenbeck noise, all from rest.

    Args:
        folder: of the files; what is there and matches is reused.
        steps: how many of the steps, spread over all of them; noise and pulses alike.
        pulses: how many pulses.
        noise: how many records under noise.
        length: of every record.
    """
    protocols = sns.protocols
    rng = np.random.default_rng(5)
    sd = rng.uniform(2, 8, noise)
    # far below -20 the rates of the equations explode
    mean = np.maximum(rng.uniform(0, 12, noise), 4.5 * sd - 20)
    drawn = {"mean": mean, "sd": sd, "tau": rng.uniform(1, 8, noise)}
    amplitude, width = (
        np.array(v, dtype=float) for v in zip(*_spread(PULSES, pulses), strict=True)
    )
    one = protocols.step("amplitude", start="2 ms")
    pulse = protocols.step("amplitude", start="2 ms", duration="width")
    random = protocols.ou(mean="mean", sd="sd", tau="tau", step=EVERY, rule="hold")
    parts = {
        "steps": ({"amplitude": np.array(_spread(STEPS, steps), dtype=float)}, one, 0),
        "pulses": ({"amplitude": amplitude, "width": width}, pulse, 0),
        "noise": (drawn, random, 5),
    }
    return [
        sns.simulate(
            NEURON, sns.Design.points(columns), protocol=protocol, duration=length,
            record_every=EVERY, seed=seed, out=folder / f"{name}.nc",
        )
        for name, (columns, protocol, seed) in parts.items()
    ]  # fmt: skip


def _spread(values: tuple, n: int) -> list:
    """N of the values, the first and the last among them."""
    return [values[i] for i in np.unique(np.linspace(0, len(values) - 1, n).round().astype(int))]


def shown(folder: Path) -> tuple[xr.Dataset, list[str]]:
    """The equations under one input of every kind, and what each is called."""
    protocols = sns.protocols
    late = {"start": "10 ms"}
    inputs = {
        "step to 2.3: one spike": protocols.step(2.3, **late),
        "step to 6.9: firing": protocols.step(6.9, **late),
        "step to 26": protocols.step(26.0, **late),
        "released from −4: rebound": protocols.release(-4.0, duration="50 ms", **late),
        "noise: mean 5, sd 6, 4 ms": protocols.ou(
            mean=5.0, sd=6.0, tau="4 ms", step=EVERY, rule="hold", seed=314
        ),
        "ramp to 30 in 130 ms": protocols.ramp(0.0, 30.0, duration="130 ms", **late),
    }
    truth = sns.simulate(
        NEURON,
        sns.Design.points({}, repeats=len(inputs)),
        protocol=list(inputs.values()),
        duration=LENGTH,
        record_every=EVERY,
        out=folder / "shown.nc",
    )
    return truth, list(inputs)
