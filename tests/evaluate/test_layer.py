"""Edges of the layer in which two regimes alternate."""

import numpy as np
import pytest

from snnsurrogate.evaluate.boundaries import scan_layer


def test_a_sharp_boundary_has_both_edges_at_one_place():
    split, first, last = scan_layer(
        lambda v: np.where(v < 0.3, 2, 1), 0.31, below=2, reach=0.1, step=1e-3
    )
    assert split == pytest.approx(0.3, abs=6e-4)
    assert first == pytest.approx(0.3, abs=6e-4)
    assert last == pytest.approx(0.3, abs=6e-4)


def test_alternating_labels_give_first_departure_and_last_return():
    def label(v):
        inside = (v >= 0.2) & (v < 0.25)
        code = np.where(v < 0.2, 2, 1)
        return np.where(inside & (np.floor(v / 0.01).astype(int) % 2 == 0), 2, code)

    split, first, last = scan_layer(label, 0.22, below=2, reach=0.1, step=1e-3)
    assert first == pytest.approx(0.21, abs=1.1e-3)
    assert last == pytest.approx(0.25, abs=1.1e-3)
    assert first - 1e-9 <= split <= last + 1e-9


@pytest.mark.parametrize("edge", [0.0, 0.6])
def test_the_scan_moves_on_until_the_regime_is_settled(edge):
    split, first, last = scan_layer(
        lambda v: np.where(v < edge, 2, 1), 0.3, below=2, reach=0.2, step=1e-2
    )
    assert split == pytest.approx(edge, abs=6e-3)
    assert first == pytest.approx(edge, abs=6e-3)
    assert last == pytest.approx(edge, abs=6e-3)


def test_one_stray_label_moves_an_edge_but_not_the_boundary():
    def label(v):
        return np.where((v < 0.3) & (np.abs(v - 0.2313) > 1e-3), 2, 1)

    split, first, _ = scan_layer(label, 0.3, below=2, reach=0.1, step=1.9e-3)
    assert split == pytest.approx(0.3, abs=1e-3)
    assert first == pytest.approx(0.2313, abs=2.1e-3)


def test_the_scan_stays_inside_its_bounds():
    asked = []

    def label(v):
        asked.extend(v)
        return np.full(v.size, 2)

    split, first, last = scan_layer(label, 0.9, below=2, reach=0.3, step=0.05, bounds=(0.0, 1.0))
    assert 0.0 <= min(asked) <= max(asked) <= 1.0
    assert split == pytest.approx(1.0, abs=0.03)
    assert last == pytest.approx(1.0, abs=0.03)
