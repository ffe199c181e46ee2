"""Small datasets made from closed forms, so that what a map must learn is known exactly."""

import json

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema


def decay_dataset(
    rates: np.ndarray, *, points: int = 21, step: float = 0.1, seed: int = 0
) -> xr.Dataset:
    """x' = -rate x, y' = -2 rate y: one step multiplies by exp(-rate step) and its square."""
    rng = np.random.default_rng(seed)
    time = np.arange(points) * step
    x0 = rng.uniform(-1, 1, (2, rates.size))
    states = {
        "x": x0[0][:, None] * np.exp(-rates[:, None] * time),
        "y": 1e-4 * x0[1][:, None] * np.exp(-2 * rates[:, None] * time),
    }
    described = {
        "rate": {"value": 1.0, "unit": "1/s", "low": 0.0, "high": 10.0},
        "unused": {"value": 3.0, "unit": "mV", "low": 0.0, "high": 10.0},
    }
    return schema.build(
        states=states,
        time=time,
        parameters={"rate": rates, "unused": 3.0},
        initial={"x": x0[0], "y": 1e-4 * x0[1]},
        seeds=seed,
        units={"x": "mV", "y": "1", "rate": "1/s", "unused": "mV", "time": "s"},
        attrs={
            "kind": "simulation",
            "system": "decay",
            "title": "two exponential decays",
            "source": "closed form",
            "equations": "dx/dt = -rate*x",
            "equations_hash": "0" * 64,
            "parameters": json.dumps(described),
            "duration": f"{time[-1]} s",
            "transient": "0 s",
            "record_every": f"{step} s",
            "dt": f"{step} s",
            "method": "exact",
            "engine": "closed form",
            "seed": seed,
            "design": "",
            "protocol": "",
            "spike_rule": "",
            "versions": "{}",
        },
    )


@pytest.fixture(scope="session")
def decay() -> xr.Dataset:
    return decay_dataset(np.linspace(0.5, 2.0, 12))


@pytest.fixture
def make_decay():
    return decay_dataset


def network_dataset(*, seed: int = 0, duration: str = "1 s", samples: int = 12) -> xr.Dataset:
    """A hundred cells at points of a small box by the exact engine; E and I get equal drives."""
    rng = np.random.default_rng(seed)
    drive = rng.uniform(5.0, 8.0, samples)
    points = {
        "tau_EE": rng.uniform(1.5, 4.0, samples),
        "lambda_E": drive,
        "lambda_I": drive,
        "tau_R": np.full(samples, 2.5),
    }
    return sns.simulate(
        "markov-if:small-regular",
        sns.Design.points(points),
        duration=duration,
        transient="0.2 s",
        record_every="1 ms",
        engine="exact",
        record=["histograms"],
        seed=seed,
        processes=1,
        progress=False,
    )


@pytest.fixture(scope="session")
def network() -> xr.Dataset:
    return network_dataset()
