import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snnsurrogate.features.spikes import detect, detect_batch

LEVELS = {"threshold": 0.0, "reset": -1.0}


def test_crossing_time_is_interpolated_linearly():
    v = np.array([-2.0, -2.0, -1.0, 3.0, -2.0])  # crosses 0 a quarter of the way from 2 to 3
    assert detect(v, 0.1, **LEVELS) == pytest.approx([0.225])


def test_sine_has_one_spike_per_period():
    t = np.arange(0, 10, 0.001)
    times = detect(2 * np.sin(2 * np.pi * t), 0.001, **LEVELS)
    # the crossing at t = 0 lies on the first sample: it began before the record
    np.testing.assert_allclose(times, np.arange(1, 10), atol=1e-6)


def test_a_ripple_above_reset_is_one_spike():
    v = np.array([-2.0, 1.0, -0.5, 1.0, -0.5, 1.0, -2.0, 1.0])
    assert detect(v, 1.0, **LEVELS).size == 2
    assert detect(v, 1.0, threshold=0.0, reset=0.0).size == 4


@pytest.mark.parametrize(
    ("v", "count"),
    [
        ([1.0, 1.0, -2.0, 1.0], 1),  # begins inside a spike: not counted
        ([-0.5, 1.0, -2.0], 1),  # begins between reset and threshold: armed
        ([-2.0, -2.0, -2.0], 0),
        ([5.0, 5.0, 5.0], 0),
        ([], 0),
        ([3.0], 0),
        ([-2.0, 0.0, -2.0], 1),  # reaching the threshold is crossing it
        ([-2.0, np.nan, 1.0, -2.0, 1.0], 1),  # no crossing next to a missing sample
        ([np.nan, -2.0, 1.0], 1),
        ([np.nan] * 5, 0),
        ([-2.0, np.inf, -2.0], 1),
    ],
)
def test_edges(v, count):
    times = detect(np.array(v), 1.0, **LEVELS)
    assert times.size == count
    assert np.isfinite(times).all()


@given(arrays(np.float64, 60, elements=st.floats(-3, 3)))
def test_times_increase_and_one_reset_lies_between_two_spikes(v):
    times = detect(v, 1.0, **LEVELS)
    for a, b in zip(times[:-1], times[1:], strict=True):
        assert b > a
        assert v[int(np.ceil(a)) : int(b) + 1].min() < LEVELS["reset"]


@given(arrays(np.float32, (3, 40), elements=st.floats(-3, 3, width=32)))
def test_a_batch_is_its_samples(v):
    batch = detect_batch(v, 0.5, **LEVELS)
    for trace, times in zip(v, batch, strict=True):
        np.testing.assert_array_equal(times, detect(trace, 0.5, **LEVELS))


def test_results_do_not_share_memory():
    v = np.array([[-2.0, 2.0, -2.0], [-2.0, 1.0, -2.0]])
    first, second = detect_batch(v, 1.0, **LEVELS)
    assert first == pytest.approx([0.5])
    assert second == pytest.approx([2 / 3])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: detect(np.zeros((2, 3)), 1.0, **LEVELS), "detect_batch"),
        (lambda: detect_batch(np.zeros(3), 1.0, **LEVELS), "use detect"),
        (lambda: detect(np.zeros(3), 0.0, **LEVELS), "time_step=0.0"),
        (lambda: detect(np.zeros(3), 1.0, threshold=-2.0, reset=-1.0), "above threshold=-2.0"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
