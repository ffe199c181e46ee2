"""Splits as data: which points each rule holds out, by known answers."""

import json

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import dataset, features, schema
from snnsurrogate.dataset import splits

V_S = np.array([-44.0, -42.0, -40.0, -38.0, -36.0, -34.0])


def parts(ds):
    names = splits.parts_of(ds)
    return [names[code] for code in ds["split"].values]


def test_first_rule_that_holds_names_the_part(toy):
    rules = {
        "extrapolation": splits.Outside({"V_S": (-43, -33)}),
        "band": splits.Inside({"V_S": (-40.0, -38.0)}),
        "few": splits.After(4),
    }
    ds = splits.assign(toy(V_S=V_S), rules)
    assert parts(ds) == ["extrapolation", "train", "band", "band", "few", "few"]
    assert splits.parts_of(ds) == ["train", "extrapolation", "band", "few"]
    assert splits.part(ds, "band")["V_S"].values.tolist() == [-40, -38]
    kept = json.loads(ds["split"].attrs["rules"])
    assert kept["few"] == {"rule": "After", "points": 4}
    assert kept["band"]["box"] == {"V_S": [-40.0, -38.0]}


def test_a_box_of_two_parameters_and_units(toy):
    ds = toy(V_S=V_S).assign_coords(tau=("sample", np.linspace(0.01, 0.06, 6)))
    ds["tau"].attrs = toy()["tau"].attrs
    box = {"V_S": ("-42 mV", "-36 mV"), "tau": ("25 ms", "45 ms")}
    assert splits.Inside(box).holds(ds).tolist() == [False, False, True, True, False, False]
    assert splits.Outside(box).holds(ds).tolist() == [True, True, False, False, True, True]


def test_all_samples_of_a_point_go_together(toy):
    # spikes of the toy: none, one, two in turn, all in the first half: quiescent
    ds = toy(V_S=np.repeat(V_S, 2))
    for rules in ({"test": splits.Share(0.5, seed=3)}, {"test": splits.After(2)}):
        found = np.array(parts(splits.assign(ds, rules))).reshape(-1, 2)
        assert (found[:, 0] == found[:, 1]).all()
    assert parts(splits.assign(ds, {"test": splits.After(2)}))[:6] == ["train"] * 4 + ["test"] * 2
    shares = parts(splits.assign(ds, {"test": splits.Share(1 / 3, seed=3)}))
    assert shares.count("test") == 4


def test_few_points_are_nested_and_in_order_of_appearance(toy):
    ds = toy(V_S=[-36.0, -44.0, -36.0, -40.0])
    assert splits.After(1).holds(ds).tolist() == [False, True, False, True]
    assert splits.After(2).holds(ds).tolist() == [False, False, False, True]


def test_a_point_is_held_out_if_any_of_its_samples_shows_the_regime(toy):
    ds = toy(V_S=np.repeat([-44.0, -40.0, -36.0], 2), records=101)
    trains = [np.arange(0.0, 1.0, 0.1) if i in (1, 4) else np.empty(0) for i in range(6)]
    ds = ds.drop_dims("spike").drop_vars("spike_count", errors="ignore")
    ds = ds.assign(schema.pack_spikes(trains, unit="s"))
    assert splits.Regimes("tonic").holds(ds).tolist() == [False, True, False, False, True, False]
    held = parts(splits.assign(ds, {"unseen": splits.Regimes(["tonic"])}))
    assert held == ["unseen"] * 2 + ["train"] * 2 + ["unseen"] * 2


def test_sharp_labels_hold_out_what_lies_between_two_regimes(toy, monkeypatch):
    # chi 0.8, 0.95, 1.05, 1.3: those in the middle are ambiguous, the last two above 1
    codes, sharp = [2, 4, 4, 3], [2, 2, 3, 3]
    made = xr.DataArray(codes, dims="sample", coords={"sharp": ("sample", sharp)})
    monkeypatch.setattr(features, "regimes", lambda ds: made)
    monkeypatch.setattr(features, "regime_names", lambda ds: features.RULES["synchrony"].names)
    ds = toy(V_S=V_S[:4])
    assert splits.Regimes("synchronous").holds(ds).tolist() == [False] * 3 + [True]
    held = splits.Regimes("synchronous", sharp=True).holds(ds)
    assert held.tolist() == [False, False, True, True]


def test_two_stimuli_are_two_points(toy, monkeypatch):
    amplitude = ("sample", [1.0, 1.0, 2.0], toy()["V_S"].attrs)
    ds = toy(V_S=[-44.0, -44.0, -44.0]).assign_coords(amplitude=amplitude)
    monkeypatch.setattr(schema, "stimuli_of", lambda d: [n for n in ["amplitude"] if n in d.coords])
    assigned = splits.assign(ds, {"test": splits.After(1)})
    assert parts(assigned) == ["train", "train", "test"]
    assert parts(splits.assign_like(ds, assigned)) == ["train", "train", "test"]
    with pytest.raises(ValueError, match="differ in \\['amplitude'\\]"):
        splits.assign_like(toy(V_S=[-44.0]), assigned)


def test_the_same_points_elsewhere_take_the_split_over(toy):
    pool = splits.assign(toy(V_S=V_S), {"band": splits.Inside({"V_S": (-41, -37)})})
    starts = toy(V_S=np.repeat(V_S[::-1], 2), records=11)
    got = splits.assign_like(starts, pool)
    wanted = ["train", "train", "band", "band", "train", "train"]
    assert parts(got) == list(np.repeat(wanted, 2))
    assert got["split"].attrs["rules"] == pool["split"].attrs["rules"]
    with pytest.raises(ValueError, match="1 of 1 samples .* are of parameter points"):
        splits.assign_like(toy(V_S=[-43.0]), pool)


def test_a_split_is_part_of_the_schema_and_of_the_file(toy, tmp_path):
    ds = splits.assign(toy(V_S=V_S), {"test": splits.After(2)})
    schema.validate(ds)
    assert schema.violations(ds, content=True) == []
    dataset.save(ds, tmp_path / "with.nc")
    again = dataset.open(tmp_path / "with.nc")
    assert parts(again) == parts(ds)
    assert again.attrs["content_hash"] == ds.attrs["content_hash"] != toy(V_S=V_S).content_hash
    one = splits.part(again, "train")
    schema.validate(one)
    assert one["spike_count"].values.tolist() == [0, 1]
    joined = schema.concat([one, splits.part(again, "test")])
    assert parts(joined) == parts(ds)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"band": splits.Inside({"V_T": (-40, -30)})}, "no parameter 'V_T'.*V_S"),
        ({"band": splits.Inside({"V_S": (-30, -40)})}, "low < high"),
        ({"band": splits.Inside({})}, "names no parameter"),
        ({"band": splits.Inside({"V_S": (0, 1)})}, "leaves 'band' without one of the 6"),
        ({"band": splits.Inside({"V_S": (-99, 1)})}, "leaves 'train' without"),
        ({"unseen": splits.Regimes("tonik")}, "no regime 'tonik'.*tonic"),
        ({"unseen": splits.Regimes("tonic", sharp=True)}, "has no ambiguous class"),
        ({"few": splits.After(7)}, "1 to 6"),
        ({"train": splits.After(2)}, "has a rule and is the rest"),
        ({"held out": splits.After(2)}, "word without spaces"),
        ({"test": splits.Share(1.0)}, "fractions"),
    ],
)
def test_bad_rules_say_what_to_do(toy, rules, said):
    with pytest.raises(ValueError, match=said):
        splits.assign(toy(V_S=V_S), rules)


def test_reading_a_split_that_is_not_there(toy):
    with pytest.raises(ValueError, match=r"splits\.assign"):
        splits.part(toy(), "train")
    ds = splits.assign(toy(), {})
    assert parts(ds) == ["train"] * 3
    with pytest.raises(ValueError, match="no part 'test'"):
        splits.part(ds, "test")
