import numpy as np
import pytest

from snnsurrogate.evaluate._fixed_points import choose, eigenvalue_errors, match


def test_modes_are_matched_by_distance_not_by_order():
    truth = np.array([-45.0, 0.1, 20.0], dtype=complex)
    np.testing.assert_array_equal(match(truth, np.array([20.5, -44.0, 0.2])), [-44.0, 0.2, 20.5])


def test_a_real_pair_stands_beside_a_complex_one_without_a_jump():
    """Just above the Hopf point the pair is complex, further up both modes are real."""
    truth = np.array([-45.9, 1.2, 0.8], dtype=complex)
    other = np.array([-45.9, 1.0 - 0.05j, 1.0 + 0.05j])
    error = np.abs(match(truth, other) - truth)
    np.testing.assert_allclose(error, [0, abs(0.2 + 0.05j), abs(0.2 + 0.05j)])


@pytest.mark.parametrize("seed", range(5))
def test_matching_undoes_any_permutation(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=4) + 1j * rng.normal(size=4)
    np.testing.assert_array_equal(match(truth, rng.permutation(truth)), truth)


def test_a_missing_point_has_no_modes():
    assert np.isnan(match(np.ones(2, complex), np.full(2, np.nan + 0j))).all()


def test_the_nearest_candidate_is_chosen_if_near_enough():
    scale = np.array([10.0, 0.02])
    reference = np.array([-50.0, 0.002])
    candidates = np.array([[np.nan, np.nan], [-44.0, 0.002], [-51.0, 0.003]])
    assert choose(candidates, reference, scale) == 2
    assert choose(candidates[:2], reference, scale) == 1
    assert choose(candidates[:2], reference, scale, far=0.5) == -1
    assert choose(candidates[:1], reference, scale) == -1
    assert choose(candidates, np.full(2, np.nan), scale) == -1


def test_errors_by_hand():
    nan = np.nan + 0j
    truth = np.array([[-50.0, 0.1, 20.0], [-40.0, -1 + 1j, -1 - 1j], [-10.0, -20.0, 5.0]], complex)
    other = np.array([[-51.0, 0.11, 19.0], [-44.0, -1 + 1j, -1 - 1j], [nan, nan, nan]])
    errors = eigenvalue_errors(truth, other)
    none = np.nan
    np.testing.assert_allclose(errors["unstable"], [[5, 10, none], [none] * 3, [100, none, none]])
    np.testing.assert_allclose(errors["slowest"], [10, 0, 100])
    np.testing.assert_allclose(errors["stable"], [2, 10, 100])
