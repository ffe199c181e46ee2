"""Tables to beat, scores by part and by distance: known answers."""

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.evaluate import generalisation as gen

BOX = gen.Box(sides={"a": (0.0, 2.0), "b": (1.0, 100.0)}, log=("b",))
PLANE = {"a": np.array([0.0, 2.0, 0.0, 2.0, 1.0]), "b": np.array([1.0, 1.0, 100.0, 100.0, 10.0])}


def known():
    x = BOX.points(PLANE)
    return xr.Dataset(
        {
            "height": ("sample", 3 + 2 * x[:, 0] - x[:, 1], {"units": "mV"}),
            "partial": ("sample", np.where(x[:, 0] > 0.4, 7.0, np.nan)),
            "regime": ("sample", (x[:, 0] > 0.4).astype(np.int8)),
        },
        {name: ("sample", values) for name, values in PLANE.items()},
    )


def test_places_in_the_box_and_distances():
    at = {"a": [1.0, 3.0], "b": [1000.0, 10.0]}
    np.testing.assert_allclose(BOX.points(at), [[0.5, 1.5], [1.5, 0.5]])
    np.testing.assert_allclose(gen.distance(PLANE, at, BOX), [np.hypot(0.5, 0.5)] * 2)
    index, apart = gen.nearest(PLANE, {"a": [0.1], "b": [1.0]}, BOX)
    assert index.tolist() == [0]
    np.testing.assert_allclose(apart, [0.05])
    np.testing.assert_allclose(gen.distance(PLANE, PLANE, BOX), 0)


def test_lookup_takes_everything_from_the_nearest_point():
    found = gen.looked_up(known(), {"a": [0.2, 1.1], "b": [2.0, 9.0]}, BOX)
    np.testing.assert_allclose(found["height"], [3.0, 3.5])
    assert found["regime"].values.tolist() == [0, 1]
    assert np.isnan(found["partial"].values).tolist() == [True, False]
    assert found["height"].attrs["units"] == "mV"


@pytest.mark.parametrize("method", ["linear", "spline"])
def test_a_plane_is_interpolated_exactly(method):
    at = {"a": [0.3, 1.7, 1.0], "b": [3.0, 50.0, 2.0]}
    x = BOX.points(at)
    found = gen.interpolated(known(), at, BOX, method=method)
    np.testing.assert_allclose(found["height"], 3 + 2 * x[:, 0] - x[:, 1])
    np.testing.assert_allclose(found["partial"], 7.0)  # from the points that have it
    assert found["regime"].values.tolist() == [0, 1, 1]
    assert found["regime"].dtype == np.int8


def test_beyond_the_points_splines_extrapolate_and_triangles_take_the_nearest():
    at = {"a": [4.0], "b": [1.0]}
    assert gen.interpolated(known(), at, BOX, method="spline")["height"].item() == pytest.approx(7)
    assert gen.interpolated(known(), at, BOX)["height"].item() == pytest.approx(5)


def test_too_few_or_degenerate_points_fall_back_to_the_nearest():
    at = {"a": [0.1, 1.9], "b": [1.0, 1.0]}
    for rows in ([0, 1], [0, 1, 0, 1]):  # two points; points on a line
        few = known().isel(sample=rows)
        for method in ("linear", "spline"):
            found = gen.interpolated(few, at, BOX, method=method)
            np.testing.assert_allclose(found["height"], [3.0, 5.0])
    nothing = known().assign(partial=("sample", np.full(5, np.nan)))
    assert np.isnan(gen.interpolated(nothing, at, BOX)["partial"].values).all()
    line = gen.Box(sides={"a": (0.0, 2.0)})
    one = known()[["height"]].isel(sample=[0, 4, 1])
    found = gen.interpolated(one, {"a": [0.5]}, line)
    assert found["height"].item() == pytest.approx(0.5 * (3.0 + 3.5))


def test_scores_by_part():
    parts = ["in", "out", "in", "out", "out", "in"]
    truth, got = [0, 0, 1, 2, 2, -1], [0, 1, 1, 2, -1, 0]
    table = gen.coverage_by(parts, truth, got)
    assert table["part"].values.tolist() == ["in", "out"]
    assert table["samples"].values.tolist() == [2, 3]  # one truth has no label
    np.testing.assert_allclose(table["agreement"], [1, 1 / 3])
    np.testing.assert_allclose(table["mean_recall"], [1, 1 / 4])  # recalls 0 and 1/2
    errors = gen.error_by(parts, [1.0, 4.0, 3.0, np.nan, 2.0, np.nan])
    np.testing.assert_allclose(errors["median"], [2, 3])
    np.testing.assert_allclose(errors["max"], [3, 4])
    assert errors["samples"].values.tolist() == [2, 2]


def test_values_against_distance_in_bins_of_equal_counts():
    d = np.arange(12.0)[::-1]
    table = gen.against(d, 2 * d, bins=3)
    np.testing.assert_allclose(table["distance"], [1.5, 5.5, 9.5])
    np.testing.assert_allclose(table["median"], [3, 11, 19])
    np.testing.assert_allclose(table["mean"], [3, 11, 19])
    assert table["samples"].values.tolist() == [4, 4, 4]
    one = gen.against([1.0, 2.0], [np.nan, 5.0], bins=3)
    assert one["samples"].values.tolist() == [1]
    assert gen.against([], [], bins=3).sizes["bin"] == 0


def test_boundaries_along_a_line():
    x = np.linspace(0, 1, 11)
    truth = np.where(x < 0.42, 0, np.where(x < 0.71, 2, 1))
    shifted = np.where(x < 0.61, 0, np.where(x < 0.71, 2, 1))
    got = gen.boundary_errors(x, truth, shifted)
    assert got == pytest.approx({"quiescent -> bursting": 0.2, "bursting -> tonic": 0.0}, abs=1e-12)
    lost = gen.boundary_errors(x, truth, np.zeros(11, int), names=("a", "b", "c"))
    assert lost == {"a -> c": 1.0, "c -> b": 1.0}


def test_passages_of_a_level():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    falling = np.array([2.0, 1.0, 0.5, 0.1])
    np.testing.assert_allclose(gen.level_errors(x, falling, falling, 0.75), [0])
    np.testing.assert_allclose(gen.level_errors(x, falling, falling - 0.25, 0.75), [1])
    exact = gen.level_errors(x, falling, [2.0, 2.0, 0.75, 0.1], 0.75, log=True)
    np.testing.assert_allclose(exact, np.log(4) - np.log(2) - 0.5 * np.log(2))
    np.testing.assert_allclose(gen.level_errors(x, falling, np.ones(4), 0.75), [7])
    assert gen.level_errors(x, falling, falling, 5.0).size == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gen.Box(sides={"a": (1, 1)}), "low < high"),
        (lambda: gen.Box(sides={"a": (0, 1)}, log=("a",)), "above 0"),
        (lambda: gen.Box(sides={"alpha": (1, 2)}, log=("alfa",)), "has no side.*alpha"),
        (lambda: BOX.points({"a": [1.0]}), r"missing \['b'\]"),
        (lambda: gen.nearest({"a": [], "b": []}, PLANE, BOX), "no point is known"),
        (lambda: gen.interpolated(known(), PLANE, BOX, method="cubic"), "'linear' or 'spline'"),
        (lambda: gen.coverage_by(["a"], [0, 1], [0, 1]), "one number per sample"),
        (lambda: gen.error_by(["a"], [0, 1]), "one number per sample"),
        (lambda: gen.against([1.0], [1.0], bins=0), "positive number"),
        (lambda: gen.level_errors([2, 1], [0, 1], [0, 1], 0.5), "do not ascend"),
    ],
)
def test_bad_input_is_said(call, said):
    with pytest.raises(ValueError, match=said):
        call()
