import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsurrogate.features.bursts import segment


def train(*intervals, start=1.0):
    return start + np.concatenate([[0.0], np.cumsum(np.concatenate(intervals))])


def bursts_of(count, n, isi=0.2, gap=5.0, start=1.0):
    """`n` bursts of `count` spikes."""
    return train(*([[isi] * (count - 1) + [gap]] * (n - 1)), [isi] * (count - 1), start=start)


def test_regular_bursts_are_measured_exactly():
    times = bursts_of(10, 5, start=4.0)  # period 9 * 0.2 + 5 = 6.8
    bursts = segment(times, start=0.0, stop=times[-1] + 4.0)
    assert len(bursts) == 5
    assert bursts.complete.all()
    assert bursts.spikes_per_burst == 10
    assert bursts.period == pytest.approx(6.8)
    assert bursts.duty_cycle == pytest.approx(1.8 / 6.8)
    assert bursts.intraburst_rate == pytest.approx(5.0)


def test_cut_bursts_are_not_counted():
    times = bursts_of(10, 5, start=0.1)[4:-3]  # 6 spikes left of the first, 7 of the last
    bursts = segment(times, start=times[0] - 0.1, stop=times[-1] + 0.1)
    assert bursts.complete.tolist() == [False, True, True, True, False]
    assert bursts.spikes_per_burst == 10
    assert bursts.period == pytest.approx(6.8)  # from onsets 2 to 5: the first onset is unknown


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_rule_has_no_time_scale(scale):
    times = bursts_of(7, 4) * scale
    assert len(segment(times, start=0.0, stop=times[-1])) == 4


@pytest.mark.parametrize(
    "intervals",
    [
        [0.5] * 100,
        [0.42, 0.61] * 50,  # period 2, as just above V_S = -33.7
        [0.35, 0.5, 0.88] * 30,  # as wide as the chaotic spiking of the Sherman neuron
        [0.2, 0.45] * 50,  # period 2 at a ratio of 2.25
        list(np.geomspace(0.1, 2.0, 60)),  # adaptation: wide, but no empty stretch
        [0.5] * 40 + [0.01] + [0.5] * 40,  # one very short interval: single spikes around it
        [1.0],
        [],
    ],
)
def test_tonic_trains_have_no_bursts(intervals):
    times = train(intervals)
    assert len(segment(times, start=0.0, stop=times[-1] + 0.3)) == 0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [1.0, 4.0])
def test_an_irregular_train_has_no_bursts(seed, shape):
    times = np.cumsum(np.random.default_rng(seed).gamma(shape, 0.5 / shape, 120))
    assert len(segment(times, start=0.0, stop=times[-1])) == 0


@pytest.mark.parametrize(
    ("intervals", "n"),
    [
        ([0.2, 1.0] * 20, 20),  # doublets: the median ISI is one of the gaps
        ([0.156, 0.2, 0.3, 0.5, 1.01, 4.9] * 4, 4),  # slowing down, the worst case near -33.778
        ([0.3] * 70 + [4.9] + [0.3] * 40, 2),  # a single silence in the record
    ],
)
def test_bursting_trains_are_cut_at_their_silences(intervals, n):
    times = train(intervals[:-1] if n > 2 else intervals)
    assert len(segment(times, start=0.0, stop=times[-1] + 0.1)) == n


def test_bursts_whose_intervals_fill_the_stretch_are_found_by_their_typical_values():
    # chaotic bursting of the Hindmarsh-Rose neuron, I = 3.25
    intervals = [12, 15, 21, 53, 23, 68, 14, 19, 35, 69, 14, 18, 32, 72, 13, 16, 22, 65]
    intervals += [16, 23, 67, 15, 20, 46, 32, 72]
    ordered = np.sort(intervals)
    assert np.max(ordered[1:] / ordered[:-1]) < 1.4
    times = train(intervals * 4)
    bursts = segment(times, start=0.0, stop=times[-1])
    # 7 silences of 53 and more per repeat; the slow ends (32, 35, 46) may be cut off as well
    assert 27 <= len(bursts) <= 46
    assert 2 <= bursts.spikes_per_burst <= 4


def test_a_single_burst_is_found_by_the_silence_after_it():
    times = train([0.2] * 9, start=10.0)
    bursts = segment(times, start=0.0, stop=20.0)
    assert len(bursts) == 1
    assert bursts.spikes_per_burst == 10
    assert np.isnan(bursts.period)
    assert np.isnan(bursts.duty_cycle)


def test_a_late_start_is_no_burst():
    times = train([0.2] * 50, start=10.0)
    assert len(segment(times, start=0.0, stop=times[-1] + 0.1)) == 0


@given(
    count=st.integers(2, 40),
    n=st.integers(3, 8),
    gap=st.floats(1.0, 50.0),
    seed=st.integers(0, 1000),
)
def test_jitter_does_not_change_the_count(count, n, gap, seed):
    times = bursts_of(count, n, gap=gap)
    times = times + np.random.default_rng(seed).uniform(-0.02, 0.02, times.size)
    bursts = segment(times, start=0.0, stop=times[-1] + 0.1)
    assert len(bursts) == n
    assert bursts.count.tolist() == [count] * n


@pytest.mark.parametrize("times", [[1.0, 0.5, 2.0], [1.0, 2.0, 9.0], [-1.0, 2.0], [1.0, np.nan]])
def test_bad_times_are_named(times):
    with pytest.raises(ValueError, match=r"must increase and lie in \[0.0, 5.0\]"):
        segment(times, start=0.0, stop=5.0)
