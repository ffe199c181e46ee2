import warnings

import numpy as np
import pytest

from snnsurrogate import features, schema

SIZES = {"E": 200, "I": 50}
LONG = 12_000.0


@pytest.fixture(scope="module")
def made(networks):
    rng = np.random.default_rng(0)
    flat = {p: networks.poisson(rng, size=n, rate=20, duration=LONG) for p, n in SIZES.items()}
    gamma = {
        p: networks.volleys(rng, size=n, period=25.0, duration=LONG, jitter=1.5, share=0.5)
        for p, n in SIZES.items()
    }
    return networks.dataset([flat, gamma, {}], sizes=SIZES, duration=LONG)


def test_one_registry_serves_cells_and_networks(made, sherman):
    cells = set(features.summary(sherman([-40.0], duration=5.0, transient=0.0)).data_vars)
    nets = set(features.summary(made).data_vars)
    assert not cells & nets
    for name, feature in features.FEATURES.items():
        columns = {name} if feature.reads != "population" else {
            name.format(population=p) for p in "EI"
        }  # fmt: skip
        assert columns <= (cells if feature.reads == "cell" else nets), name
    assert {"rate_E", "rate_I", "chi", "peak_frequency", "event_size"} <= nets


def test_values_of_known_networks(made):
    table = features.summary(made)
    poisson, gamma = table.isel(sample=0), table.isel(sample=1)
    assert poisson["rate_E"].item() == pytest.approx(20, rel=0.02)
    assert poisson["isi_cv_E"].item() == pytest.approx(1, rel=0.02)
    assert poisson["fano_I"].item() == pytest.approx(1, rel=0.03)
    assert poisson["chi"].item() < 0.1
    assert poisson["ssi_1ms"].item() == pytest.approx((1 + 200 * 0.02) / 200, rel=0.02)
    assert gamma["rate_I"].item() == pytest.approx(0.5 * 40, rel=0.02)
    assert gamma["peak_frequency"].item() == pytest.approx(40, abs=0.5)
    # geometric intervals of a coin thrown every 25 ms: CV = sqrt(1 - 0.5)
    assert gamma["isi_cv_E"].item() == pytest.approx(np.sqrt(0.5), rel=0.03)
    assert gamma["event_rate"].item() == pytest.approx(40, rel=0.02)
    assert gamma["event_size"].item() == pytest.approx(100, rel=0.04)
    assert gamma["event_interval"].item() == pytest.approx(25, rel=0.01)
    assert table["rate_E"].attrs["units"] == "Hz"
    assert table["event_interval"].attrs["units"] == "ms"


def test_events_of_the_table_are_those_of_the_detector(made):
    table = features.summary(made)
    own = features.event_summary(features.events(made))
    for column, name in (
        ("event_rate", "event_rate"),
        ("event_size", "event_size_E"),
        ("event_duration", "event_duration"),
        ("event_interval", "event_interval"),
    ):
        np.testing.assert_allclose(table[column], own[name], err_msg=column)


def test_a_silent_network_has_a_rate_and_nothing_else(made):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent = features.summary(made).isel(sample=2)
    assert (silent["rate_E"], silent["rate_I"]) == (0.0, 0.0)
    for name in set(silent.data_vars) - {"rate_E", "rate_I"}:
        assert np.isnan(silent[name]), name
        assert "missing" not in silent[name].attrs, name


def test_failed_samples_have_no_features(made):
    broken = made.copy(deep=True)
    broken["status"][0] = 4
    broken["rate_E"][0, 500:] = np.nan
    table = features.summary(broken)
    assert all(np.isnan(table[name].values[0]) for name in table.data_vars)
    assert np.isfinite(table["chi"].values[1])
    assert not schema.ok(broken)[0]


def test_counts_are_enough_for_all_but_single_cells(made):
    spikes = [str(n) for n in made.variables if str(n).startswith("spike_")]
    full, bare = features.summary(made), features.summary(made.drop_vars(spikes))
    for name in full.data_vars:
        if name.startswith(("isi_cv", "fano")):
            assert np.isnan(bare[name]).all()
            assert "the dataset has no spikes" in bare[name].attrs["missing"]
        else:
            np.testing.assert_array_equal(full[name], bare[name], err_msg=name)


def test_a_short_record_says_what_is_missing(networks):
    made = networks.dataset([{"E": [1.0, 2.5, 7.0]}], sizes=SIZES, duration=9.0)
    table = features.summary(made)
    assert table["rate_E"].item() == pytest.approx(3 / 200 / 9e-3)
    assert "longer than the record of 9 bins" in table["peak_frequency"].attrs["missing"]
    assert "two windows or more" in table["fano_E"].attrs["missing"]
    coarse = networks.dataset([{"E": [1.0]}], sizes=SIZES, duration=90.0, step=2.0, keep=False)
    assert "no multiple" in features.summary(coarse)["ssi_1ms"].attrs["missing"]
    assert np.isfinite(features.summary(coarse)["rate_E"])


def test_networks_of_other_populations(networks):
    made = networks.dataset([{"exc": [5.0, 6.0]}], sizes={"exc": 3}, duration=20.0)
    table = features.summary(made)
    assert table["rate_exc"].item() == pytest.approx(2 / 3 / 20e-3)
    assert "rate_E" not in table
