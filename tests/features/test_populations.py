import numpy as np
import pytest

from snnsurrogate import features, schema

SIZES = {"E": 4, "I": 2}


@pytest.fixture(scope="module")
def made(networks):
    first = {"E": [0.3, 1.0, 1.2, 4.5, 9.9], "I": [2.0, 2.5, 10.0]}
    return networks.dataset([first, {"E": [7.5]}], sizes=SIZES, duration=10.0)


def test_counts_by_hand(made):
    found = features.counts(made, "E", "1 ms")
    # a spike at 1.0 belongs to the bin (0, 1]
    assert found.values[0].tolist() == [2, 1, 0, 0, 1, 0, 0, 0, 0, 1]
    assert found.values[1].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert found["time"].values.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]
    assert features.counts(made, "I", "5 ms").values.tolist() == [[2, 1], [0, 0]]
    assert found["drive"].values.tolist() == [0.0, 1.0]
    # 4 ms: the last, incomplete bin is left out
    assert features.counts(made, "E", "4 ms").values.tolist() == [[3, 1], [0, 1]]


def test_rates_are_per_cell_in_hertz(made):
    found = features.rates(made, "E", "5 ms")
    assert found.values.tolist() == [[4 / 4 / 5e-3, 1 / 4 / 5e-3], [0.0, 1 / 4 / 5e-3]]
    assert found.attrs["units"] == "Hz"


def test_rates_and_spikes_give_the_same_counts(networks):
    rng = np.random.default_rng(0)
    spikes = {p: networks.poisson(rng, size=3000, rate=20, duration=2000.0) for p in "EI"}
    made = networks.dataset([spikes], sizes={"E": 3000, "I": 3000}, duration=2000.0)
    bare = made.drop_vars(["rate_E", "rate_I"])
    for bin in ("1 ms", "4 ms", "5 ms"):
        for p in "EI":
            a, b = features.counts(made, p, bin), features.counts(bare, p, bin)
            np.testing.assert_array_equal(a, b)
            assert a.values.sum() == np.sum(spikes[p][0] <= 2000 // int(bin[0]) * int(bin[0]))


def test_a_bin_that_the_step_does_not_divide_needs_spikes(made):
    assert features.counts(made, "E", "2.5 ms").values[0].tolist() == [3, 1, 0, 1]
    assert features.counts(made, "E", "0.5 ms").values[0].sum() == 5
    with pytest.raises(ValueError, match=r"no multiple of the recording step, 1 ms.*no spikes"):
        features.counts(made.drop_vars(["spike_time", "spike_count"]), "E", "2.5 ms")


def test_a_bin_longer_than_the_record_is_refused(made):
    with pytest.raises(ValueError, match="a bin of 20 ms is longer than the record, 10 ms"):
        features.counts(made, "E", "20 ms")


@pytest.mark.parametrize(
    ("population", "bin", "message"),
    [
        ("X", "1 ms", "no population 'X' in this dataset; expected one of E, I"),
        ("E", 1.0, 'no unit; write "1 ms"'),
        ("E", "-1 ms", "expected a positive time"),
        ("E", "1 mV", "expected a unit of the dimension of 'ms'"),
    ],
)
def test_bad_arguments_are_named(made, population, bin, message):
    with pytest.raises(ValueError, match=message):
        features.counts(made, population, bin)


def test_cells_have_no_populations(sherman):
    with pytest.raises(ValueError, match="holds single cells"):
        features.counts(sherman([-40.0], duration=1.0, transient=0.0))


def test_nothing_is_counted_after_a_run_has_stopped(made):
    stopped = made.copy(deep=True)
    stopped["status"][0] = 4
    stopped["rate_E"][0, 6:] = np.nan
    stopped["rate_I"][0, 6:] = np.nan
    for ds in (stopped, stopped.assign(time=made["time"])):
        for bin, known in (("1 ms", 5), ("2.5 ms", 2), ("0.5 ms", 10)):
            row = features.counts(ds, "E", bin).values[0]
            assert np.isfinite(row).sum() == known, bin
            assert np.isnan(row[known:]).all()
    assert not schema.ok(stopped)[0]


def test_other_units_of_time(networks):
    made = networks.dataset([{"E": [1.5, 3.5]}], sizes={"E": 2}, duration=4.0)
    made = made.assign_coords(time=("time", made["time"].values * 1e-3, {"units": "s"}))
    made["spike_time"] = ("spike", made["spike_time"].values * 1e-3, {"units": "s"})
    assert features.counts(made, "E", "2 ms").values.tolist() == [[1, 1]]
    assert features.summary(made)["rate_E"].values.tolist() == [2 / 2 / 4e-3]
