"""Projections onto latent states: an affine image is found, and what is none is said."""

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.evaluate import project_states

TIME = np.arange(0, 50.05, 0.1)


def records(**series):
    """Records over two samples; arrays by name and role."""
    made = {
        f"{name}": (("sample", "time"), values, {"units": "1", "role": role})
        for role, group in series.items()
        for name, values in group.items()
    }
    n = next(iter(made.values()))[1].shape[1]
    coords = {"time": ("time", TIME[:: 500 // (n - 1)], {"units": "ms"})}
    return xr.Dataset(made, coords=coords)


def waves():
    phase = TIME[None] / np.array([[7.0], [9.0]])
    return {"V": 50 * np.sin(phase), "n": 0.3 + 0.1 * np.cos(phase)}


def test_an_affine_image():
    x = waves()
    h = {"h_1": 0.01 * x["V"] - 2 * x["n"] + 0.3, "h_2": 3 * x["n"] - 1}
    run = records(series={k: v[:, ::2] for k, v in h.items()})  # at twice the step
    found = project_states(records(state=x), run)
    np.testing.assert_allclose(found["matrix"], [[0.01, -2.0], [0.0, 3.0]], atol=1e-12)
    np.testing.assert_allclose(found["constant"], [0.3, -1.0], atol=1e-12)
    np.testing.assert_allclose(found["explained"], 1.0)
    np.testing.assert_allclose(found["h_1"], h["h_1"], atol=1e-12)  # of the equations, every step


def test_something_else_is_not_explained():
    x = waves()
    drawn = np.random.default_rng(0).normal(size=x["V"].shape)
    run = records(series={"h_1": 0.02 * x["V"] + drawn})
    found = project_states(records(state=x), run)
    # variance of the sine part, 1/2 around its mean, beside 1 of the noise
    signal = (0.02 * x["V"]).var()
    assert float(found["explained"][0]) == pytest.approx(signal / (signal + 1), abs=0.05)


def test_only_the_beginning():
    x = waves()
    late = np.where(TIME > 20, 1.0, 0.0)
    run = records(series={"h_1": 0.02 * x["V"] + late})
    assert float(project_states(records(state=x), run, until="20 ms")["explained"][0]) > 0.999
    assert float(project_states(records(state=x), run)["explained"][0]) < 0.9


def test_bad_input():
    x = waves()
    with pytest.raises(ValueError, match="no latent"):
        project_states(records(state=x), records(state=x))
    run = records(series={"h_1": x["V"][:1]})
    with pytest.raises(ValueError, match="same inputs"):
        project_states(records(state=x), run)
    with pytest.raises(ValueError, match="multiple"):
        project_states(
            records(state={k: v[:, ::2] for k, v in x.items()}), records(series={"h_1": x["V"]})
        )
