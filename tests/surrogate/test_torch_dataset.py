import numpy as np
import pytest
import torch
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema


def made(n=3, steps=11):
    rng = np.random.default_rng(0)
    return schema.build(
        states={"v": rng.normal(size=(n, steps)), "w": rng.normal(size=(n, steps))},
        time=np.arange(steps) * 0.5,
        parameters={"a": 0.7, "b": 0.8, "tau": 12.5, "I": np.linspace(0, 1, n)},
        initial={"v": 0.0, "w": 0.0},
        seeds=0,
        units={"time": "ms", "v": "1", "w": "1", "a": "1", "b": "1", "tau": "ms", "I": "1"},
        attrs={
            name: "x"
            for name in ("title", "source", "equations", "method", "engine", "created")
        }
        | {
            "kind": "simulation", "system": "fitzhugh-nagumo", "equations_hash": "0",
            "parameters": {k: {"unit": u} for k, u in
                           {"a": "1", "b": "1", "tau": "ms", "I": "1"}.items()},
            "duration": "5 ms", "transient": "0 ms", "record_every": "0.5 ms", "dt": "0.1 ms",
            "seed": 0, "design": "", "protocol": "", "spike_rule": "", "versions": {},
        },
    )  # fmt: skip


def test_whole_records_with_their_parameters():
    ds = made()
    data = sns.to_torch(ds)
    assert (len(data), data.channels, data.parameters) == (3, ("v", "w"), ("I",))
    item = data[1]
    assert item["values"].shape == (11, 2)
    assert item["values"].dtype == torch.float32
    np.testing.assert_allclose(item["values"][:, 1], ds["w"].values[1], rtol=1e-6)
    assert item["parameters"].tolist() == [0.5]
    assert (item["sample"].item(), item["start"].item()) == (1, 0)
    torch.testing.assert_close(data[-1]["values"], data[2]["values"])
    with pytest.raises(IndexError, match="no window 3; there are 3"):
        data[3]


def test_windows():
    ds = made()
    data = sns.to_torch(ds, ["w"], parameters=["tau", "I"], window="2 ms", every="1 ms")
    assert data.window == 4
    assert len(data) == 3 * 4  # starts 0, 2, 4, 6 of 11 records
    item = data[6]
    assert (item["sample"].item(), item["start"].item()) == (1, 4)
    np.testing.assert_allclose(item["values"][:, 0], ds["w"].values[1, 4:8], rtol=1e-6)
    assert item["parameters"].tolist() == [12.5, 0.5]
    assert data.units == {"tau": "ms", "I": "1", "w": "1"}


def test_a_loader_makes_batches():
    data = sns.to_torch(made(), window="1 ms", dtype=torch.float64)
    batch = next(iter(torch.utils.data.DataLoader(data, batch_size=4)))
    assert batch["values"].shape == (4, 2, 2)
    assert batch["values"].dtype == torch.float64
    assert batch["sample"].tolist() == [0, 0, 0, 0]


def test_histograms_are_channels():
    ds = made()
    cells = np.arange(3 * 11 * 4).reshape(3, 11, 4)
    ds["cells"] = (("sample", "time", "bin"), cells.astype(np.uint16))
    data = sns.to_torch(ds, ["v", "cells"])
    assert data.channels == ("v", "cells[0]", "cells[1]", "cells[2]", "cells[3]")
    assert data[2]["values"][3, 1:].tolist() == cells[2, 3].tolist()


def test_failed_samples_stay_out():
    ds = made()
    ds["status"][1] = schema.FLAGS["diverged"]
    assert [item["sample"].item() for item in sns.to_torch(ds)] == [0, 2]
    assert len(sns.to_torch(ds, failed=True)) == 3
    ds["status"][:] = schema.FLAGS["diverged"]
    with pytest.raises(ValueError, match="none of the 3 samples has status ok"):
        sns.to_torch(ds)


def test_a_file_is_read_window_by_window(tmp_path):
    sns.save(made(), tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as ds:
        data = sns.to_torch(ds, window="2 ms")
        np.testing.assert_allclose(
            data[2]["values"], sns.to_torch(made(), window="2 ms")[2]["values"]
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variables": ["V"]}, r"no variable over \(sample, time\) 'V'.*Did you mean 'v'"),
        ({"variables": []}, "no variables were chosen; expected some of v, w"),
        ({"parameters": ["v"]}, "no parameter 'v'; expected some of a, b, tau, I"),
        ({"window": "6 ms"}, "is 12 records; expected 2 to 11"),
        ({"window": "0.5 ms"}, "is 1 records"),
        ({"window": 3}, 'no unit; write "3 ms"'),
    ],
)
def test_bad_requests_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sns.to_torch(made(), **arguments)
