"""Scores made by hand, in the format that evaluate writes, of a neuron that never existed."""

import json

import numpy as np
import pytest
import xarray as xr

SOURCES = ["truth", "surrogate", "twin"]
LABELS = ["quiescent", "tonic", "bursting"]


def _score(value, unit, name, *, ideal, better):
    attrs = {"units": unit, "long_name": name, "ideal": ideal, "better": better, "role": "score"}
    return ((), value, attrs)


def _trace(time, period, spikes, shift):
    """A burst of spikes on a slow wave: V (mV) and S."""
    phase = ((time + shift) % period) / period
    slow = np.where(phase < 0.4, phase / 0.4, (1 - phase) / 0.6)
    fast = np.where(phase < 0.4, 12 * np.sin(2 * np.pi * phase / 0.4 * spikes) ** 6, -22)
    return -45 + fast + 2 * slow, 0.172 + 0.017 * slow


def make_scores(n=45, *, system="sherman", parameter="V_S", unit="mV"):
    """Scores along one parameter with one bursting -> tonic boundary."""
    x = np.linspace(-44.0, -33.0, n)
    boundary = np.array([-33.775, -33.71, -33.775])
    regime = np.where(x < boundary[:, None], 2, 1).astype(np.int8)
    regime[1, 7] = 1
    spikes = 8 + 0.24 * (x + 44) ** 2
    spread = np.array([0.0, 0.05, 0.004])[:, None] * np.sin(3 * x)
    bursting = regime == 2
    per_burst = np.where(bursting, spikes + spread, np.nan)
    period = np.where(bursting, 8.4 + 0.15 * (x + 38.5) ** 2 + spread / 4, np.nan)
    isi = [(s, v, d) for s in range(2) for v in x for d in _intervals(v, s)]
    real = np.stack([-46 + 0.06 * (x + 44) ** 2, 0.8 + 2.3 * (x + 44), 0.8 / (1 + x + 44)], -1)
    fixed = np.stack([-59.5 + 1.24 * (x + 44), 4e-4 * np.exp(0.22 * (x + 44))], -1)
    noise = np.array([0.0, 1.0, 1e-5])[:, None, None]
    wave = np.sin(5 * x)[:, None]
    samples = [0, n // 2, n - 2]
    time = np.linspace(0, 20, 2001)
    traces = np.array(
        [[_trace(time, 13 - i, 8 + 4 * i, 0.1 * s) for i in range(3)] for s in range(3)]
    )
    mv = {"units": "mV"}
    variables = {
        "regime": (
            ("source", "sample"),
            regime,
            {
                "flag_values": np.array([-1, 0, 1, 2], np.int8),
                "flag_meanings": " ".join(["missing", *LABELS]),
            },
        ),
        "spikes_per_burst": (("source", "sample"), per_burst, {"units": "1"}),
        "burst_period": (("source", "sample"), period, {"units": "s"}),
        "confusion": (("label", "label_predicted"), [[0, 0, 0], [0, 3, 0], [0, 1, n - 4]]),
        "recall": ("label", [np.nan, 1.0, 0.97]),
        "recall_twin": ("label", [np.nan, 1.0, 1.0]),
        "boundary": (("source", "transition"), boundary[:, None], mv),
        "isi_source": ("isi", np.array([SOURCES[s] for s, _, _ in isi])),
        "isi_parameter": ("isi", np.array([v for _, v, _ in isi]), mv),
        "isi_value": ("isi", np.array([d for _, _, d in isi]), {"units": "s"}),
        "trace_V": (("source", "example", "time"), traces[:, :, 0], mv),
        "trace_S": (("source", "example", "time"), traces[:, :, 1], {"units": "1"}),
        "fp_state": (("source", "sample", "state"), fixed + 0.004 * noise * wave),
        "fp_eigenvalue_real": (
            ("source", "sample", "mode"),
            real * (1 + 0.003 * noise * wave),
            {"units": "1/s"},
        ),
        "fp_eigenvalue_imag": (("source", "sample", "mode"), np.zeros((3, n, 3)), {"units": "1/s"}),
        "agreement": _score(0.978, "1", "regime agreement", ideal=1.0, better="higher"),
        "agreement_floor": ((), 1.0),
        "burst_period_error": _score(0.4, "%", "burst period, error", ideal=0.0, better="lower"),
        "burst_period_error_floor": ((), 0.1),
    }
    coords = {
        "source": SOURCES,
        "sample": np.arange(n),
        parameter: ("sample", x, {"units": unit, "role": "parameter"}),
        "label": LABELS,
        "label_predicted": LABELS,
        "transition": ["bursting -> tonic"],
        "example": samples,
        "state": ["V", "S"],
        "time": ("time", time, {"units": "s"}),
    }
    attrs = {
        "system": system,
        "title": "Sherman-Rinzel bursting neuron",
        "swept": json.dumps([parameter]),
        "equations": "dV/dt = -(I_Ca + I_K) / tau : volt\ndS/dt = (S_inf - S) / tau_S : 1",
        "parameters": json.dumps({"tau": {"value": 20.0, "unit": "ms", "low": 1, "high": 100}}),
        "card": json.dumps({"model": "recurrent-map", "seed": 0, "box": {"V_S": [-44, -33]}}),
        "versions": json.dumps({"numpy": "2.3.5"}),
    }
    return xr.Dataset(variables, coords, attrs)


def _intervals(value, source):
    if value > -33.75:
        return [0.49 + 0.05 * (-33.0 - value)]
    return [*np.linspace(0.16, 0.3 + 0.01 * source, 8), 5 + 0.05 * (value + 38) ** 2]


@pytest.fixture
def scores():
    return make_scores()
