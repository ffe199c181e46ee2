"""Grids, splits by parameter point, training windows: known answers."""

import numpy as np
import pytest

from snnsurrogate import dataset, schema
from snnsurrogate.dataset.windows import pairs


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


def test_pairs_are_the_next_records(toy):
    ds = toy()
    got = pairs(ds, horizon=3)
    assert got.state.shape == (3 * 28, 2)
    assert got.targets.shape == (3 * 28, 3, 2)
    assert got.parameters.shape == (3 * 28, 1)
    for window in (0, 27, 28, 50):
        sample, start = divmod(window, 28)
        V = ds["V"].values[sample]
        assert got.sample[window] == sample
        assert got.state[window, 0] == V[start]
        assert got.targets[window, :, 0].tolist() == V[start + 1 : start + 4].tolist()
        assert got.parameters[window, 0] == ds["V_S"].values[sample]


def test_pairs_leave_failed_samples_out(toy):
    V = np.zeros((3, 31))
    V[1] = np.nan
    got = pairs(toy(V=V))
    assert set(got.sample) == {0, 2}
    assert np.isfinite(got.state).all()
    assert set(pairs(toy(status=[1, 0, 3])).sample) == {1}
    with pytest.raises(ValueError, match="none of the 3 samples has status ok"):
        pairs(toy(status=[1, 2, 3]))


def test_pairs_refuse_unmasked_failures(toy):
    ds = toy()
    ds["V"].values[2, 4] = np.inf
    with pytest.raises(schema.SchemaError, match="'V' is not finite in sample 2, whose status"):
        pairs(ds)


def test_pairs_options(toy):
    ds = toy()
    assert pairs(ds, stride=10).state.shape[0] == 9
    limited = pairs(ds, limit=10, seed=1)
    assert limited.state.shape[0] == 10
    np.testing.assert_array_equal(limited.state, pairs(ds, limit=10, seed=1).state)
    assert pairs(ds, parameters=["tau", "V_S"]).parameters[0].tolist() == [0.02, -44]
    assert pairs(toy(V_S=[-40.0, -40.0])).parameters.shape == (60, 0)
    for change, message in (
        ({"horizon": 31}, "31 points; a horizon of 31 needs 32"),
        ({"horizon": 0}, "horizon is 0"),
        ({"stride": 0}, "stride is 0"),
        ({"parameters": ["g"]}, "no parameter g"),
    ):
        with pytest.raises(ValueError, match=message):
            pairs(ds, **change)


def test_torch_tensors(toy):
    torch = pytest.importorskip("torch")
    state, targets, parameters = pairs(toy(), horizon=2).torch("float32")
    assert state.dtype == torch.float32
    assert tuple(targets.shape) == (3 * 29, 2, 2)
    assert tuple(parameters.shape) == (3 * 29, 1)
