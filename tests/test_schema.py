"""The dataset contract: what is built holds, and every way of breaking it is named."""

import json

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import schema

TRAINS = [[0.05, 0.15], [], [0.1]]


def make(**changes):
    n, t = 3, np.arange(31) * 0.01
    arguments = {
        "states": {
            "V": np.outer(np.arange(n) - 60.0, np.ones(t.size)) + np.sin(t * 20),
            "n": np.full((n, t.size), 0.1),
        },
        "time": t,
        "parameters": {"V_S": [-44.0, -40.0, -36.0], "tau": 0.02},
        "initial": {"V": -60.0, "n": [0.0, 0.1, 0.2]},
        "seeds": 7,
        "units": {"V": "mV", "n": "1", "V_S": "mV", "tau": "s", "time": "s"},
        "meanings": {"V": "membrane potential"},
        "spikes": TRAINS,
        "attrs": {
            "kind": "simulation",
            "system": "toy",
            "title": "toy",
            "source": "none",
            "equations": "dV/dt = 0*V",
            "equations_hash": "0" * 64,
            "parameters": {
                "V_S": {"value": -40.0, "unit": "mV", "low": -50.0, "high": -25.0},
                "tau": {"value": 0.02, "unit": "s", "low": 0.01, "high": 0.04},
            },
            "duration": "300 ms",
            "transient": "0 s",
            "record_every": "10 ms",
            "dt": "1 ms",
            "method": "rk4",
            "engine": "brian2",
            "seed": 7,
            "design": "",
            "protocol": "",
            "spike_rule": {"state": "V", "threshold": -35.0, "reset": -40.0},
            "versions": {"numpy": np.__version__},
        },
    }
    return schema.build(**(arguments | changes))


def test_what_is_built_holds_and_reads_back():
    ds = make()
    assert schema.violations(ds, content=True) == []
    assert schema.validate(ds) is ds
    assert schema.states_of(ds) == ["V", "n"]
    assert schema.parameters_of(ds) == ["V_S", "tau"]
    assert schema.swept_of(ds) == ["V_S"]
    assert schema.ok(ds).tolist() == [True] * 3
    assert schema.initial_of(ds)["n"].tolist() == [0.0, 0.1, 0.2]
    assert ds["V"].attrs["units"] == "mV"
    assert ds["V"].attrs["long_name"] == "membrane potential"
    assert ds["tau"].values.tolist() == [0.02] * 3


def test_spikes_go_in_ragged_and_come_out():
    ds = make()
    assert ds["spike_count"].attrs["sample_dimension"] == "spike"
    assert [train.tolist() for train in schema.unpack_spikes(ds)] == TRAINS
    assert [schema.spikes_of(ds, i).tolist() for i in range(3)] == TRAINS
    assert [schema.spikes_of(ds, i).tolist() for i in (-3, -2, -1)] == TRAINS
    with pytest.raises(IndexError):
        schema.spikes_of(ds, 3)
    silent = make(spikes=[[], [], []])
    assert [train.size for train in schema.unpack_spikes(silent)] == [0, 0, 0]
    with pytest.raises(schema.SchemaError, match="no spikes"):
        schema.spikes_of(ds.drop_vars(["spike_time", "spike_count"]), 0)


def test_hash_depends_on_data_alone():
    ds, later = make(), make()
    later.attrs["created"] = "another day"
    assert schema.content_hash(later) == ds.attrs["content_hash"]
    for name in ("V", "V_S", "spike_time", "status", "seed"):
        changed = ds.copy(deep=True)
        changed[name].values.flat[-1] += 1
        assert schema.content_hash(changed) != ds.attrs["content_hash"], name
    renamed = ds.copy()
    renamed["V"] = ds["V"].assign_attrs(units="V")
    assert schema.content_hash(renamed) != ds.attrs["content_hash"]
    assert schema.violations(changed, content=True) != []


def test_select_keeps_samples_and_spikes_together():
    ds = make()
    part = schema.validate(schema.select(ds, [2, 0]))
    assert [train.tolist() for train in schema.unpack_spikes(part)] == [[0.1], [0.05, 0.15]]
    assert part["V_S"].values.tolist() == [-36.0, -44.0]
    assert schema.swept_of(schema.select(ds, [1])) == []
    assert part.attrs["content_hash"] != ds.attrs["content_hash"]
    masked = schema.select(ds, np.array([True, False, True]))
    assert masked["V_S"].values.tolist() == [-44.0, -36.0]
    with pytest.raises(ValueError, match="mask has shape"):
        schema.select(ds, np.array([True]))
    assert ds.sizes["sample"] == 3
    assert schema.violations(ds, content=True) == []


def test_concat_undoes_select():
    ds = make()
    joined = schema.concat([schema.select(ds, [0]), schema.select(ds, [1, 2])])
    schema.validate(joined)
    xr.testing.assert_identical(joined.drop_attrs(), ds.drop_attrs())
    assert joined.attrs["content_hash"] == ds.attrs["content_hash"]
    assert schema.swept_of(joined) == ["V_S"]
    other = schema.select(ds, [0])
    other.attrs["equations_hash"] = "1" * 64
    with pytest.raises(schema.SchemaError, match="equations_hash"):
        schema.concat([ds, other])
    with pytest.raises(schema.SchemaError, match="no dataset"):
        schema.concat([])


def test_non_finite_samples_are_flagged_when_built():
    V = np.zeros((3, 31))
    V[1, 4] = np.nan
    ds = make(states={"V": V, "n": np.zeros((3, 31))})
    assert ds["status"].values.tolist() == [0, 2, 0]
    assert schema.ok(ds).tolist() == [True, False, True]


def broken(how):
    ds = make()
    return how(ds) or ds


def without(name):
    return lambda ds: ds.drop_vars(name)


def attribute(name, value):
    return lambda ds: ds.attrs.update({name: value})


def values(name, where, value):
    def change(ds):
        ds[name].values[where] = value

    return change


def attrs(name, **changes):
    return lambda ds: ds[name].attrs.update(changes)


def declared(ds):
    parameters = json.loads(ds.attrs["parameters"]) | {"sigma": {"unit": "1"}}
    ds.attrs["parameters"] = json.dumps(parameters)


BROKEN = {
    "missing attribute": (lambda ds: ds.attrs.pop("design") and None, "'design' is missing"),
    "empty attribute": (attribute("engine", ""), "'engine' is empty"),
    "bad json": (attribute("design", "{"), "'design' is not JSON"),
    "version": (attribute("schema_version", "0"), "schema_version is '0'"),
    "kind": (attribute("kind", "guess"), "kind is 'guess'"),
    "bare time": (attribute("dt", "1"), "dt"),
    "no status": (without("status"), "'status' is missing"),
    "no seed": (without("seed"), "'seed' is missing"),
    "no time": (without("time"), "coordinate 'time' is missing"),
    "extra dimension": (
        lambda ds: ds.assign(x=("space", np.zeros(2), {"role": "state", "units": "1"})),
        "dimension 'space'",
    ),
    "no role": (lambda ds: ds.assign(x=("sample", np.zeros(3))), "'x' has role None"),
    "wrong dims": (attrs("V_S", role="state"), "'V_S' has dimensions"),
    "no units": (lambda ds: ds["V"].attrs.pop("units") and None, "'V' has units None"),
    "not a unit": (attrs("V", units="mVolts"), "'V' has units 'mVolts'"),
    "text data": (
        lambda ds: ds.assign_coords(V_S=("sample", ["a", "b", "c"], ds["V_S"].attrs)),
        "expected numbers",
    ),
    "time units": (attrs("time", units="ms"), "'time' has units 'ms'"),
    "time step": (attribute("record_every", "20 ms"), "'time' has 31 points"),
    "time shifted": (
        lambda ds: ds.assign_coords(time=("time", ds.time.values + 1, ds.time.attrs)),
        "'time' is not 0, 0.01",
    ),
    "time type": (
        lambda ds: ds.assign_coords(time=("time", np.arange(31), ds.time.attrs)),
        "'time' has type int64",
    ),
    "state order": (attribute("states", '["n", "V"]'), "state variables are"),
    "state missing": (without("n"), "state variables are"),
    "no initial": (without("initial_n"), "'initial_n' is missing"),
    "initial units": (attrs("initial_V", units="V"), "'initial_V' has units 'V'"),
    "integer state": (lambda ds: ds.assign(n=ds["n"].astype(int)), "'n' has type int64"),
    "parameter only declared": (declared, "'sigma' is only in the attribute"),
    "parameter only a coordinate": (attribute("parameters", "{}"), "only in the coordinates"),
    "parameter not a coordinate": (lambda ds: ds.reset_coords("V_S"), "'V_S' is a data variable"),
    "parameter units": (attrs("V_S", units="V"), "'V_S' has units 'V'"),
    "parameter nan": (values("V_S", 1, np.nan), "'V_S' is not finite in sample 1"),
    "swept unknown": (attribute("swept", '["g"]'), "swept parameter 'g'"),
    "status flag": (values("status", 2, 9), "flags outside [0, 1, 2, 3, 4] in sample 2"),
    "status type": (lambda ds: ds.assign(status=ds["status"].astype(int)), "'status' has type"),
    "status meanings": (attrs("status", flag_meanings="good bad"), "flag_meanings"),
    "status values": (attrs("status", flag_values=[0, 1]), "flag_values"),
    "seed type": (lambda ds: ds.assign_coords(seed=ds["seed"] * 1.0), "'seed' has type float64"),
    "spikes half": (without("spike_count"), "'spike_time' is alone"),
    "spikes absent": (without(["spike_count", "spike_time"]), "spike_rule is stated"),
    "spike units": (attrs("spike_time", units="ms"), "'spike_time' has units 'ms'"),
    "spike sum": (values("spike_count", 1, 4), "'spike_count' sums to 7"),
    "spike negative": (values("spike_count", 1, -1), "'spike_count' must hold counts"),
    "spike attribute": (attrs("spike_count", sample_dimension="x"), "sample_dimension"),
    "spike outside": (values("spike_time", 2, 0.31), "outside the record in sample 2"),
    "spike order": (values("spike_time", 0, 0.2), "not sorted in sample 0"),
    "nan": (values("V", (0, 3), np.nan), "'V' is not finite in sample 0"),
    "inf": (values("n", (2, 0), np.inf), "'n' is not finite in sample 2"),
    "isel without spikes": (lambda ds: ds.isel(sample=[0]), "schema.select"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_violation_is_named(case):
    how, message = BROKEN[case]
    found = schema.violations(broken(how))
    assert any(message in line for line in found), found
    with pytest.raises(schema.SchemaError, match="breaks the schema"):
        schema.validate(broken(how))


def test_all_violations_are_listed_at_once():
    ds = make()
    ds["V"].values[0] = np.nan
    ds["status"].values[1] = 5
    ds["spike_count"].values[1] = 4
    with pytest.raises(schema.SchemaError) as caught:
        schema.validate(ds)
    for part in ("not finite", "flags outside", "sums to 7", "3 place(s)"):
        assert part in str(caught.value)


def test_foreign_dataset_is_refused_not_crashed_on():
    assert schema.violations(xr.Dataset()) != []
    assert schema.violations(xr.Dataset({"a": ("x", [1.0])})) != []


@pytest.mark.parametrize("name", [*schema.ATTRIBUTES])
@pytest.mark.parametrize("value", ["3", "[1, 2]", "null", '"x"', "0 s", 5, np.array([1, 2])])
def test_attributes_of_another_kind_never_break_the_checker(name, value):
    ds = make()
    ds.attrs[name] = value
    found = schema.violations(ds, content=True)
    assert isinstance(value, str) or name == "seed" or any(name in line for line in found)
    if name in ("states", "swept", "parameters"):
        assert any(f"attribute {name!r}" in line for line in found)


@pytest.mark.parametrize("name", ["time", "V", "V_S", "status", "spike_time", "spike_count"])
@pytest.mark.parametrize("attribute", ["units", "role"])
def test_labels_of_another_kind_never_break_the_checker(name, attribute):
    for value in (5, np.array([1, 2]), ""):
        ds = make()
        ds[name].attrs[attribute] = value
        fine = (name, attribute) in {("time", "role"), ("status", "units")}
        assert bool(schema.violations(ds)) != fine


def driven(**changes):
    ds = make()
    protocol = '{"kind": "step", "amplitude": "size", "start": "0 ms"}'
    arguments = {
        "units": {
            "V": "mV",
            "n": "1",
            "V_S": "mV",
            "tau": "s",
            "time": "s",
            "I": "pA",
            "size": "pA",
        },
        "inputs": {"I": np.outer([1.0, 2.0, 3.0], np.ones(31))},
        "stimuli": {"size": [1.0, 2.0, 3.0]},
        "attrs": {k: v for k, v in ds.attrs.items() if k != "created"} | {"protocol": protocol},
    }
    return make(**(arguments | changes))


def test_a_driven_dataset_holds_its_input_and_its_stimuli():
    ds = driven(input_rule="linear")
    assert schema.inputs_of(ds) == ["I"]
    assert schema.stimuli_of(ds) == ["size"]
    assert schema.parameters_of(ds) == ["V_S", "tau"]
    assert ds["I"].attrs == {"units": "pA", "role": "input", "rule": "linear"}
    assert schema.swept_of(ds) == ["V_S"]
    part = schema.select(ds, [2])
    assert float(part["size"][0]) == float(part["I"][0, 0]) == 3
    joined = schema.concat([part, schema.select(ds, [0])])
    assert joined["size"].values.tolist() == [3, 1]


def test_broken_inputs_are_named():
    for changes, message in (
        ({"input_rule": "cubic"}, "input 'I' has rule 'cubic'; expected one of hold, linear"),
        ({"inputs": {}}, "protocol is stated, but no variable has the role input"),
        ({"stimuli": {"size": [1.0, np.nan, 3.0]}}, "stimulus 'size' is not finite in sample 1"),
        ({"inputs": {"I": np.full((3, 31), np.nan)}}, "'I' is not finite in samples 0, 1, 2"),
    ):
        with pytest.raises(schema.SchemaError, match=message):
            driven(**changes)
    other = driven(attrs=driven().attrs | {"protocol": '{"kind": "constant", "amplitude": 1}'})
    with pytest.raises(schema.SchemaError, match="one system and protocol on one time axis"):
        schema.concat([driven(), other])
