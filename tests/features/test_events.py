import json

import numpy as np
import pytest

from snnsurrogate import features

SIZES = {"E": 10, "I": 5}


def by_hand(networks, **options):
    """Three runs of recruited spikes (6, 4 and 5 of them), with others in between."""
    runs = [np.arange(100, 106) * 1.0, 200 + np.arange(4) * 1.5, 300 + np.arange(5) * 2.0]
    recruited = np.concatenate(runs)
    outside = np.array([50.0, 101.5, 150.0, 304.5, 304.6, 400.0])
    times = np.concatenate([recruited, outside])
    causes = np.concatenate([np.ones(recruited.size), np.zeros(outside.size)])
    order = np.argsort(times)
    e = (times[order], np.arange(times.size) % 10, causes[order])
    i = np.array([99.0, 100.0, 102.0, 105.0, 106.0, 308.0, 308.1])
    return networks.dataset([{"E": e, "I": i}], sizes=SIZES, duration=500.0, **options)


def test_runs_by_hand(networks):
    found = features.events(by_hand(networks), detector="cause")
    assert found["event_count"].values.tolist() == [2]  # the run of four is too short
    assert found["onset"].values.tolist() == [100.0, 300.0]
    assert found["duration"].values.tolist() == [5.0, 8.0]
    assert found["size_E"].values.tolist() == [7.0, 7.0]  # with the external ones inside
    assert found["size_I"].values.tolist() == [3.0, 1.0]
    assert found["interval"].values[0] == 200.0
    assert np.isnan(found["interval"].values[1])
    assert found["spikes_E"].values.tolist() == [21.0]
    assert found["onset"].attrs["units"] == "ms"
    table = features.event_summary(found)
    assert table["event_rate"].values.tolist() == [4.0]
    assert table["event_share"].values.tolist() == [14 / 21]
    assert table["event_size_E"].values.tolist() == [7.0]
    assert table["event_size_I_sd"].values == pytest.approx([np.sqrt(2)])
    assert table["event_duration"].values.tolist() == [6.5]
    assert table["event_interval"].values.tolist() == [200.0]
    assert np.isnan(table["event_interval_sd"].values).all()


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({"minimum": 4}, 3),
        ({"minimum": 6}, 1),
        ({"gap": "1.9 ms"}, 1),
        ({"gap": "2 ms"}, 2),
        ({"gap": "1.4 ms", "minimum": 1}, 10),  # runs of 1.5 and 2 ms fall apart
        ({"gap": "97 ms"}, 1),  # from 100 to 308
        ({"gap": "101 ms"}, 0),  # may have begun before the record
    ],
)
def test_parameters_of_the_causal_rule(networks, options, number):
    found = features.events(by_hand(networks), detector="cause", **options)
    assert found["event_count"].item() == number


def test_a_run_at_the_edge_of_the_record_is_left_out(networks):
    times = np.concatenate([np.arange(6) + 1.0, np.arange(6) + 100.0, np.arange(6) + 194.0])
    made = networks.dataset([{"E": times}], sizes=SIZES, duration=200.0)
    assert features.events(made, detector="cause")["onset"].values.tolist() == [100.0]


def test_sensitivity_is_a_grid(networks):
    made = by_hand(networks)
    found = features.event_sensitivity(made, detector="cause", gap=["1 ms", "2 ms"], minimum=[4, 5])
    assert dict(found.sizes) == {"gap": 2, "minimum": 2, "sample": 1}
    rates = found["event_rate"].squeeze("sample") * 0.5
    assert rates.sel(gap="2 ms", minimum=4).item() == 3
    assert rates.sel(gap="2 ms", minimum=5).item() == 2
    assert rates.sel(gap="1 ms", minimum=4).item() == 1
    alone = features.event_sensitivity(made, detector="cause", minimum=4)
    assert alone["event_rate"].dims == ("sample",)


def periodic(networks, *, period=20.0, duration=4000.0, jitter=1.0, noise=2.0, keep=True):
    rng = np.random.default_rng(0)
    sizes = {"E": 300, "I": 100}
    sample = {}
    for p, n in sizes.items():
        times, _ = networks.volleys(rng, size=n, period=period, duration=duration, jitter=jitter)
        other, _ = networks.poisson(rng, size=n, rate=noise, duration=duration)
        both = np.concatenate([times, other])
        order = np.argsort(both)
        cause = np.repeat([1, 0], [times.size, other.size])  # only volleys are recruited
        sample[p] = (both[order], np.arange(both.size) % n, cause[order])
    return networks.dataset([sample], sizes=sizes, duration=duration, keep=keep)


@pytest.mark.parametrize("detector", ["cause", "volley", "crossing"])
def test_every_detector_finds_periodic_volleys(networks, detector):
    found = features.events(periodic(networks), detector=detector)
    table = features.event_summary(found).isel(sample=0)
    n = 4000 / 20 - 2  # volleys at 20, 40, ... 3960
    assert abs(found["event_count"].item() - n) <= 1
    assert table["event_interval"].item() == pytest.approx(20.0, rel=0.01)
    assert table["event_size_E"].item() == pytest.approx(300, rel=0.04)
    assert table["event_size_I"].item() == pytest.approx(100, rel=0.04)
    assert table["event_size_E_sd"].item() < 6
    assert table["event_share"].item() > 0.9
    centre = (found["onset"] + 0.5 * found["duration"]).values
    assert np.abs(centre / 20 - np.rint(centre / 20)).max() * 20 < 2.0


def test_a_long_box_misses_the_cycles_it_covers(networks):
    found = features.events(periodic(networks), detector="volley", bin="2.5 ms", delta=0.33)
    assert found["event_count"].item() == 0  # a box of 20 ms always holds one volley


@pytest.mark.parametrize("detector", ["volley", "crossing"])
def test_counts_alone_give_the_same_events(networks, detector):
    full = features.events(periodic(networks), detector=detector)
    bare = features.events(periodic(networks, keep=False), detector=detector)
    for name in full.variables:
        np.testing.assert_array_equal(full[name], bare[name], err_msg=name)


def test_volley_rule_step_by_step(networks):
    n = np.zeros(80, dtype=int)
    n[10:16] = 10  # a core
    n[19:24] = 10  # another, 3 bins after: merged
    n[40:43] = 10  # too short
    n[60:70] = 4  # above the mean of 2.25, below the core
    times = np.repeat(np.arange(80) + 0.5, n)
    made = networks.dataset([{"E": times}], sizes=SIZES, duration=80.0)
    mean = n.mean()
    found = features.events(made, detector="volley", box=1, delta=5.0 / mean)
    assert (found["onset"].values.tolist(), found["duration"].values.tolist()) == ([10.0], [14.0])
    assert found["size_E"].values.tolist() == [110.0]
    low = features.events(made, detector="volley", box=1, delta=0.2)
    assert low["onset"].values.tolist() == [10.0, 60.0]
    apart = features.events(made, detector="volley", box=1, delta=0.2, shortest=2)
    assert apart["onset"].values.tolist() == [10.0, 19.0, 40.0, 60.0]


def test_crossing_has_two_levels(networks):
    n = np.zeros(100, dtype=int)
    n[20:30] = [4, 2, 1, 2, 4, 2, 1, 1, 0, 0]
    n[50:52] = 1  # reaches 0.5 of the mean, not 1.5
    made = networks.dataset(
        [{"E": np.repeat(np.arange(100) + 0.5, n)}], sizes=SIZES, duration=100.0
    )
    mean = n.mean()
    levels = {"box": 1, "up": 3 / mean, "down": 0.5 / mean}
    found = features.events(made, detector="crossing", **levels)
    assert (found["onset"].values.tolist(), found["duration"].values.tolist()) == ([20.0], [8.0])


def test_silent_networks_and_failed_samples(networks):
    one = np.arange(6) + 100.0
    made = networks.dataset([{}, {"E": one}, {"E": [100.0]}, {"E": one}], sizes=SIZES, duration=300)
    made["status"][3] = 4
    for detector in ("cause", "volley", "crossing"):
        found = features.events(made, detector=detector)
        table = features.event_summary(found)
        for name in table.data_vars:
            assert np.isnan(table[name].values[[0, 3]]).all(), (detector, name)
        assert found["event_count"].values[[0, 3]].tolist() == [0, 0]
    table = features.event_summary(features.events(made, detector="cause"))
    assert table["event_rate"].values[1] == pytest.approx(1 / 0.3)
    # one spike: no event was seen in 300 ms; an event's size does not exist
    assert table["event_rate"].values[2] == 0.0
    assert table["event_share"].values[2] == 0.0
    assert np.isnan(table["event_size_E"].values[2])


def test_bad_requests_are_named(networks, sherman):
    made = by_hand(networks)
    with pytest.raises(ValueError, match=r"no detector 'causal'.*Did you mean 'cause'"):
        features.events(made, detector="causal")
    with pytest.raises(ValueError, match="no causes of spikes"):
        features.events(made.drop_vars("spike_cause"), detector="cause")
    with pytest.raises(ValueError, match="has no spikes"):
        features.events(made.drop_vars(["spike_time", "spike_count"]), detector="cause")
    with pytest.raises(ValueError, match=r"'cause' takes no option 'box'; .* gap, minimum"):
        features.events(made, detector="cause", box=3)
    with pytest.raises(ValueError, match=r"no option 'minimun'.*Did you mean 'minimum'"):
        features.event_sensitivity(made, detector="cause", minimun=[3, 5])
    with pytest.raises(ValueError, match="0 < down < up"):
        features.events(made, detector="crossing", up=0.3)
    with pytest.raises(ValueError, match="holds single cells"):
        features.events(sherman([-40.0], duration=1.0, transient=0.0))


@pytest.mark.parametrize(
    ("detector", "option", "value", "words"),
    [
        ("cause", "minimum", -3, "minimum=-3; expected a whole number from 1"),
        ("cause", "minimum", 2.5, "minimum=2.5; expected a whole number from 1"),
        ("cause", "gap", "0 ms", "gap is '0 ms'; expected a positive time"),
        ("volley", "box", 0, "box=0; expected a whole number from 1"),
        ("volley", "delta", -2, "delta=-2; expected a finite number from 0"),
        ("volley", "delta", float("nan"), "delta=nan; expected a finite number from 0"),
        ("volley", "shortest", -1, "shortest=-1; expected a whole number from 0"),
        ("crossing", "box", 0, "box=0; expected a whole number from 1"),
        ("crossing", "box", True, "box=True; expected a whole number from 1"),
        ("crossing", "up", float("inf"), "up=inf; expected 0 < down < up"),
    ],
)
def test_options_without_sense_are_named(networks, detector, option, value, words):
    with pytest.raises(ValueError, match=words):
        features.events(by_hand(networks), detector=detector, **{option: value})


def test_the_table_says_how_it_was_made(networks):
    found = features.events(by_hand(networks), detector="cause", gap="3 ms")
    assert found.attrs["detector"] == "cause"
    assert json.loads(found.attrs["options"]) == {"gap": "3 ms"}
    assert found["drive"].dims == ("sample",)
    assert found["event_count"].attrs["sample_dimension"] == "event"
