import numpy as np
import pytest

from snnsurrogate.evaluate import coverage
from snnsurrogate.evaluate.boundaries import Transition, locate_boundary, nearest, transitions

QUIESCENT, TONIC, BURSTING, MISSING = 0, 1, 2, -1


def test_confusion_counts_what_it_says():
    truth = [0, 1, 1, 2, 2, 2, -1]
    predicted = [0, 1, 2, 2, 2, -1, 2]
    counts = coverage.confusion(truth, predicted)
    assert counts.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 2, 1]]
    assert coverage.agreement(counts) == pytest.approx(4 / 6)
    np.testing.assert_allclose(coverage.recall(counts), [1, 1 / 2, 2 / 3])
    assert coverage.mean_recall(counts) == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)


@pytest.mark.parametrize("constant", [QUIESCENT, TONIC, BURSTING, MISSING])
def test_a_constant_prediction_is_not_flattered(constant):
    truth = np.repeat([BURSTING, TONIC], [206, 15])  # the grid of V_S in [-44, -33]
    counts = coverage.confusion(truth, np.full(221, constant))
    assert coverage.mean_recall(counts) <= 0.5
    if constant == BURSTING:
        assert coverage.agreement(counts) == pytest.approx(206 / 221)  # this one is flattered


def test_regimes_the_truth_lacks_have_no_recall():
    recall = coverage.recall(coverage.confusion([2, 2], [2, 0]))
    np.testing.assert_array_equal(recall, [np.nan, np.nan, 0.5])


def test_nothing_to_score_is_nan_and_not_perfect():
    counts = coverage.confusion([-1, -1], [2, 2])
    assert np.isnan(coverage.agreement(counts))
    assert np.isnan(coverage.mean_recall(counts))


@pytest.mark.parametrize(
    ("truth", "prediction", "says"),
    [
        ([0, 1], [0], "one code per sample"),
        ([0, 1], [0, 7], r"prediction holds the codes \[0, 7\]"),
    ],
)
def test_bad_codes_are_named(truth, prediction, says):
    with pytest.raises(ValueError, match=says):
        coverage.confusion(truth, prediction)


class Step:
    """Bursting below the edge, tonic above; counts its calls."""

    def __init__(self, edge):
        self.edge, self.rounds, self.values = edge, 0, 0

    def __call__(self, values):
        self.rounds += 1
        self.values += values.size
        return np.where(values < self.edge, BURSTING, TONIC)


@pytest.mark.parametrize("edge", [-33.7750001, -33.79, -33.7501, -33.7999])
def test_boundary_is_located_to_a_tenth_of_the_tolerance_in_few_rounds(edge):
    label = Step(edge)
    found = locate_boundary(label, -33.8, -33.75, tolerance=0.005)
    assert abs(found.value - edge) <= 0.0005
    assert found.low < edge <= found.high
    assert (found.below, found.above) == (BURSTING, TONIC)
    assert label.rounds <= 2
    assert found.evaluations == label.values


def test_a_plain_bisection_finds_the_same():
    a = locate_boundary(Step(0.3), 0.0, 1.0, tolerance=1e-6, sections=1)
    b = locate_boundary(Step(0.3), 0.0, 1.0, tolerance=1e-6)
    assert a.value == pytest.approx(b.value, abs=1e-7)


def test_the_lower_edge_of_a_mixed_layer_is_found():
    def label(values):
        layer = (values > 0.5) & (values < 0.6) & (np.floor(values * 1000) % 2 == 0)
        return np.where((values < 0.5) | layer, BURSTING, TONIC)

    found = locate_boundary(label, 0.0, 1.0, tolerance=0.01, sections=64)
    assert 0.49 < found.value < 0.61


def test_no_boundary_is_none_and_divergence_is_a_change():
    assert locate_boundary(lambda v: np.full(v.size, BURSTING), 0, 1, tolerance=0.1) is None
    found = locate_boundary(lambda v: np.where(v < 0.5, BURSTING, MISSING), 0, 1, tolerance=0.01)
    assert found.above == MISSING
    assert found.value == pytest.approx(0.5, abs=0.001)


def test_an_impossible_tolerance_ends():
    found = locate_boundary(Step(0.3), 0.0, 1.0, tolerance=1e-300)
    assert found.value == pytest.approx(0.3, abs=1e-15)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"low": 1.0, "high": 0.0, "tolerance": 0.1}, "low < high"),
        ({"low": 0.0, "high": 1.0, "tolerance": 0.0}, "positive"),
        ({"low": 0.0, "high": 1.0, "tolerance": 0.1, "sections": 0}, "positive"),
    ],
)
def test_bad_searches_are_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        locate_boundary(Step(0.5), **arguments)


def test_transitions_of_a_sweep():
    values = [3.0, 1.0, 2.0, 4.0, 5.0, 6.0]
    codes = [2, 0, 0, -1, 1, 2]
    assert transitions(values, codes) == [
        Transition(name="quiescent -> bursting", low=2.0, high=3.0),
        Transition(name="bursting -> tonic", low=3.0, high=5.0),
        Transition(name="tonic -> bursting", low=5.0, high=6.0),
    ]
    twice = transitions([1, 2, 3, 4], [2, 1, 2, 1])
    assert [t.name for t in twice] == [
        "bursting -> tonic",
        "tonic -> bursting",
        "bursting -> tonic (2)",
    ]
    assert nearest("bursting -> tonic", 3.4, twice).low == 3
    assert nearest("quiescent -> tonic", 3.4, twice) is None
