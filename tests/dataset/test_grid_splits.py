"""Grids and splits by parameter point: known answers."""

import numpy as np
import pytest

from snnsurrogate import dataset, schema


def test_grid_puts_every_sample_in_its_place(toy):
    V_S = np.array([-36.0, -44.0, -40.0])  # any order
    grid = dataset.to_grid(toy(V_S=V_S))
    assert grid["V"].dims == ("V_S", "time")
    assert grid["V_S"].values.tolist() == [-44, -40, -36]
    assert grid["V_S"].attrs["units"] == "mV"
    for value in V_S:
        assert grid["V"].sel(V_S=value).values[0] == value - 20
    assert grid["spike_count"].values.tolist() == [1, 2, 0]
    assert np.isnan(grid["spike_time"].values).tolist() == [[False, True], [False] * 2, [True] * 2]
    assert grid["tau"].dims == ("V_S",)
    assert "initial_V" in grid.coords
    assert grid["V"].sel(V_S=-40, time=0.1, method="nearest").ndim == 0


def test_grid_over_states_and_repeats(toy):
    states = dataset.to_grid(toy(V_S=[-44, -44, -40, -40], initial_V=[-60, -50, -60, -50]))
    assert dict(states.sizes)["initial_V"] == 2
    assert states["V"].dims == ("V_S", "initial_V", "time")
    repeated = dataset.to_grid(toy(V_S=[-44, -40, -44, -40], initial_V=[-1.0, -2.0, -3.0, -4.0]))
    assert repeated["V"].dims == ("V_S", "repeat", "time")
    assert repeated["initial_V"].values.tolist() == [[-1, -3], [-2, -4]]


def test_what_is_no_grid_is_refused(toy):
    with pytest.raises(ValueError, match="no full grid of 2 V_S"):
        dataset.to_grid(toy(V_S=[-44, -44, -40]))


def test_split_by_point_never_shares_one(toy):
    ds = toy(V_S=np.repeat(np.linspace(-44, -34, 10), 3))
    parts = dataset.split(ds, {"train": 0.7, "test": 0.3}, seed=2)
    train, test = (set(parts[k]["V_S"].values) for k in ("train", "test"))
    assert (len(train), len(test)) == (7, 3)
    assert not train & test
    for part in parts.values():
        schema.validate(part)
    spikes = sum(part["spike_count"].values.sum() for part in parts.values())
    assert spikes == ds["spike_count"].values.sum()
    with pytest.raises(ValueError, match="sum to 1"):
        dataset.split(ds, {"train": 0.7})
