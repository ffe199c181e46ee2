import numpy as np
import pytest

from snnsurrogate import features, schema
from snnsurrogate.features import BURSTING, MISSING, QUIESCENT, TONIC, classify, irregularity

KNOWN = {
    -47.0: QUIESCENT,
    -45.0: QUIESCENT,
    -44.75: QUIESCENT,
    -44.70: BURSTING,
    -44.0: BURSTING,
    -42.0: BURSTING,
    -40.0: BURSTING,
    -36.0: BURSTING,
    -34.0: BURSTING,
    -33.9: BURSTING,
    -33.8: BURSTING,
    -33.78: BURSTING,
    -33.77: TONIC,  # chaotic
    -33.70: TONIC,  # period 2
    -33.5: TONIC,
    -33.0: TONIC,
    -28.0: TONIC,
}


@pytest.fixture(scope="module")
def known(sherman):
    return sherman(list(KNOWN))


@pytest.mark.parametrize(
    ("times", "regime"),
    [
        ([], QUIESCENT),
        ([55.0], QUIESCENT),
        (np.arange(0.1, 10, 0.2), QUIESCENT),  # fires, then rests
        (np.arange(0.1, 60, 0.5), TONIC),
        (np.arange(40, 60, 0.5), TONIC),  # starts late
        ([35.0, 36.0], TONIC),
        (np.add.outer(np.arange(2, 60, 9.0), np.arange(0, 2, 0.2)).ravel(), BURSTING),
        (np.arange(35, 37, 0.2), BURSTING),  # one burst, and silence after it
    ],
)
def test_hand_made_trains(times, regime):
    assert classify(times, start=0.0, stop=60.0) == regime


def test_known_cases_of_the_sherman_neuron(known):
    found = features.regimes(known)
    assert dict(zip(known["V_S"].values, found.values, strict=True)) == KNOWN
    assert known["V_S"].values[found["chaotic"].values].tolist() == [-33.77]


def test_bursting_ends_at_its_known_boundary(sherman):
    values = np.round(np.arange(-33.785, -33.7649, 0.001), 4)
    codes = features.regimes(sherman(values)).values
    last = values[codes == BURSTING].max()
    first = values[codes == TONIC].min()
    assert first >= -33.780
    assert last <= -33.770
    assert abs(0.5 * (first + last) - -33.775) < 0.005


def test_labels_do_not_depend_on_the_recording_step(known, sherman):
    coarse = sherman(list(KNOWN), record=0.015)
    np.testing.assert_array_equal(features.regimes(coarse), features.regimes(known))


def test_table_of_known_values(known):
    # computed once with RK4 at 0.5 ms and at 1 ms, and the same by counting voltage peaks
    table = features.summary(known).set_index(sample="V_S")
    at = [-44.0, -42.0, -40.0, -36.0, -34.0, -33.8]
    np.testing.assert_allclose(
        table["burst_period"].sel(sample=at), [13.0, 10.0, 8.7, 9.0, 11.6, 15.4], atol=0.06
    )
    np.testing.assert_array_equal(table["spikes_per_burst"].sel(sample=at), [8, 10, 12, 20, 30, 38])
    np.testing.assert_allclose(
        table["isi_mean"].sel(sample=[-33.5, -33.0, -28.0]), [0.495, 0.449, 0.216], atol=1.5e-3
    )
    assert table["isi_min"].sel(sample=-36.0) == pytest.approx(0.159, abs=2e-3)
    assert table["burst_period"].attrs["units"] == "s"
    assert table["rate"].attrs["units"] == "1/s"


def test_missing_is_nan_and_a_silent_cell_has_rate_zero(known):
    table = features.summary(known)
    quiet, tonic = (features.regimes(known) == code for code in (QUIESCENT, TONIC))
    assert (table["rate"].values[quiet] == 0).all()
    for name in set(table.data_vars) - {"rate"}:
        assert np.isnan(table[name].values[quiet]).all(), name
    for name in ("spikes_per_burst", "burst_period", "duty_cycle", "intraburst_rate"):
        assert np.isnan(table[name].values[tonic]).all(), name
    assert np.isfinite(table["isi_mean"].values[tonic]).all()


def test_failed_samples_have_no_regime_and_no_features(known):
    broken = known.copy(deep=True)
    broken["status"][4] = schema.FLAGS["diverged"]
    assert features.regimes(broken).values[4] == MISSING
    table = features.summary(broken)
    assert all(np.isnan(table[name].values[4]) for name in table.data_vars)


def test_flags_follow_the_cf_convention(known):
    attrs = features.regimes(known).attrs
    meanings = dict(zip(attrs["flag_values"].tolist(), attrs["flag_meanings"].split(), strict=True))
    assert meanings == {-1: "missing", 0: "quiescent", 1: "tonic", 2: "bursting"}


@pytest.mark.parametrize("period", [1, 2, 3, 8])
def test_periodic_spiking_is_regular(period):
    cycle = np.random.default_rng(period).uniform(0.4, 0.8, period)
    times = np.cumsum(np.tile(cycle, 120 // period))
    assert irregularity(times) < 1e-9


def test_irregular_spiking_is_irregular():
    times = np.cumsum(np.random.default_rng(0).uniform(0.4, 0.8, 120))
    assert irregularity(times) > 0.1
    assert np.isnan(irregularity([1.0, 2.0, 3.0]))


def test_lyapunov_exponents_decide_when_given(known):
    exponents = np.where(known["V_S"].values == -33.0, 1.0, 0.0)
    chaotic = features.regimes(known, lyapunov=exponents)["chaotic"].values
    assert known["V_S"].values[chaotic].tolist() == [-33.0]
    with pytest.raises(ValueError, match="one per sample"):
        features.regimes(known, lyapunov=[0.0])


def test_a_dataset_without_spikes_is_named(known):
    with pytest.raises(schema.SchemaError, match="no spikes"):
        features.regimes(known.drop_vars(["spike_time", "spike_count"]))


def test_resting_beside_bursting_in_the_bistable_variant(sherman):
    start = {"V": -50.64, "n": 0.00206, "S": 0.18792}  # the fixed point at V_S = -36
    at_rest = sherman([-36.0], name="sherman-bistable", initial=start)
    moving = sherman([-36.0], name="sherman-bistable")
    assert features.regimes(at_rest).values.tolist() == [QUIESCENT]
    assert features.regimes(moving).values.tolist() == [BURSTING]


@pytest.mark.parametrize(
    ("current", "regime"),
    [
        (1.0, QUIESCENT),
        (1.5, TONIC),
        (2.0, BURSTING),  # doublets
        (2.5, BURSTING),
        (3.1, BURSTING),  # chaotic: the intervals fill the stretch between the classes
        (3.25, BURSTING),
        (3.3, BURSTING),
        (3.4, TONIC),
        (4.0, TONIC),
    ],
)
def test_the_rule_holds_for_another_burster(sherman, current, regime):
    made = sherman(
        None,
        name="hindmarsh-rose",
        parameters={"I": [current]},
        duration=4000.0,
        transient=2000.0,
        record=0.1,
        dt=0.02,
    )
    assert features.regimes(made).values.tolist() == [regime]


def test_hodgkin_huxley_rests_fires_and_is_blocked(sherman):
    made = sherman(
        None,
        name="hodgkin-huxley",
        parameters={"I": [0.0, 5.0, 10.0, 50.0, 170.0]},
        duration=500.0,
        transient=200.0,
        record=0.05,
        dt=0.01,
    )
    found = features.regimes(made).values.tolist()
    assert found == [QUIESCENT, QUIESCENT, TONIC, TONIC, QUIESCENT]
