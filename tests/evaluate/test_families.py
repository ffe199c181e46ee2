"""Sweeps of an input: known boundaries, known relations, families that meet in the trained map."""

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate.evaluate.families import (
    affine_relation,
    control_sweep,
    order,
    regime_table,
    unfolding,
)

STATE = {"V": -54.0, "n": 0.002, "S": 0.1806}


@pytest.fixture(scope="module")
def surrogate():
    return sns.load("bursting-map-wide")


@pytest.fixture(scope="module")
def table(surrogate):
    return control_sweep(surrogate, at=-36.0, start=STATE, reach=1.5, points=24)


def by_hand(codes, at=0.0):
    x = np.arange(len(codes)) - len(codes) // 2
    regime = np.array(["?RTBO".index(c) - 1 for c in codes])
    return xr.Dataset({"regime": ("value", regime), "value": x.astype(float)}, attrs={"at": at})


def test_a_conditioned_map_has_its_boundaries_and_rest(table):
    found = order(table)
    assert found["in_order"]
    assert found["present"]
    assert found["orientation"] == 1
    assert (found["below"], found["trained"], found["above"]) == ("rest", "bursting", "tonic")
    # known: -44.7216 and -33.775; the sweep has steps of 0.9 mV
    assert found["lower"] == pytest.approx(-44.72, abs=0.5)
    assert found["upper"] == pytest.approx(-33.775, abs=0.5)
    resting = table["value"].values < -44.75
    assert (table["stable"].values == resting).all()
    # known: V* = -54.998 at V_S = -40
    near = table.sel(value=-40, method="nearest")
    assert float(near["rest"][0]) == pytest.approx(-55.0 + 1.2 * (float(near["value"]) + 40), abs=1)


def test_relation_to_itself_turned_and_stretched_is_found(surrogate, table):
    values = np.arange(-49, -27, 0.25)
    starts = {k: np.full(values.size, v) for k, v in STATE.items()}
    with pytest.warns(UserWarning, match="leaves the trained range"):
        ds = surrogate.rollout(starts, {"V_S": values}, "100 s")
    truth = regime_table(ds, "V_S", transient="40 s")
    turned = table.assign_coords(value=-0.5 * (table["value"] + 36.0)).sortby("value")
    turned.attrs["at"] = 0.0
    found = affine_relation(turned, truth)
    assert found["slope"] == pytest.approx(-2.0, rel=0.03)
    assert found["at"] == pytest.approx(-36.0, abs=0.3)
    assert found["agreement"] >= 0.95
    assert found["distance"] < 0.12 < 0.5 < found["distance_constant"]
    assert found["period_error"] < 3


def test_rest_is_still_and_near_the_data(surrogate):
    starts = {k: np.full(2, v) for k, v in STATE.items()}
    ds = surrogate.rollout(starts, {"V_S": [-46.0, -47.0]}, "60 s")
    codes = [
        regime_table(ds, "V_S", transient=begin, span=span)["regime"].values.tolist()
        for begin, span in (("40 s", (-65.0, -23.0)), ("40 s", (-30.0, -23.0)))
    ]
    assert codes == [[0, 0], [3, 3]]  # -62 mV lies too far below the second span


@pytest.mark.parametrize(
    ("codes", "in_order", "present", "orientation"),
    [
        ("RRBBBTT", True, True, 1),
        ("TTBBBRR", True, True, -1),
        ("TTBBBTT", False, False, 0),
        ("R?BBBTT", False, True, 0),
        ("BBBBBTT", False, False, 0),
        ("BTTTTRB", False, True, 0),
        ("OOBBBTT", False, False, 0),
    ],
)
def test_order(codes, in_order, present, orientation):
    found = order(by_hand(codes))
    assert found["in_order"] is in_order
    assert found["present"] is present
    assert found["orientation"] == orientation


@pytest.mark.parametrize(
    ("codes", "nearly", "orientation"),
    [("TTBBBORR", True, -1), ("ROOBBBTT", True, 1), ("ROOOBBBTT", False, 0), ("OOBBBTT", False, 0)],
)
def test_order_passes_over_slivers_of_slow_rest(codes, nearly, orientation):
    found = order(by_hand(codes))
    assert found["in_order"] is False
    assert found["nearly_in_order"] is nearly
    assert found["orientation"] == orientation


@pytest.mark.parametrize("kind", ["bias", "output"])
def test_families_meet_in_the_trained_map_and_run_as_torch_does(surrogate, kind):
    import torch

    start = list(STATE.values())
    family = unfolding(surrogate, kind, at=-36.0, start=start, seed=1)
    kernel, trained = family.kernel(), surrogate.kernel()
    np.testing.assert_allclose(kernel(start, [-36.0]), trained(start, [-36.0]), rtol=1e-12)
    assert abs(kernel(start, [-33.0]) - trained(start, [-33.0])).max() > 0
    s = surrogate.scaling
    with torch.no_grad():
        x = torch.as_tensor(s.states(np.array([start, start])))
        q = torch.as_tensor(s.parameters(np.array([[-36.0], [-40.0]])))
        y = s.mean + s.sd * family.module.step(x, q).numpy()
    np.testing.assert_allclose(y[0], kernel(start, [-36.0]), rtol=1e-12)
    np.testing.assert_allclose(y[1], kernel(start, [-40.0]), rtol=1e-12)
    columns = [m.net[0].weight[:, 3].norm() for m in (family.module, surrogate.module)]
    assert float(columns[0].detach()) == pytest.approx(float(columns[1].detach()))
    other = unfolding(surrogate, kind, at=-36.0, start=start, seed=2).kernel()
    assert abs(kernel(start, [-33.0]) - other(start, [-33.0])).max() > 0


def test_output_direction_changes_a_step_as_much_as_the_input(surrogate):
    start = list(STATE.values())
    family = unfolding(surrogate, "output", at=-36.0, start=start).kernel()
    trained = surrogate.kernel()
    x = [np.array(start)]
    for _ in range(5000):
        x.append(trained(x[-1], [-36.0]))
    unit = np.diff(x, axis=0).std(axis=0)
    changes = [
        [(kernel(u, [-35.99]) - kernel(u, [-36.0])) / unit for u in x[::7]]
        for kernel in (family, trained)
    ]
    sizes = [np.sqrt(np.mean(np.square(c))) for c in changes]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_arguments_are_checked(surrogate):
    with pytest.raises(ValueError, match="kind='bais'.* Did you mean 'bias'"):
        unfolding(surrogate, "bais")
    with pytest.raises(ValueError, match="parameter='V_s'.* Did you mean 'V_S'"):
        control_sweep(surrogate, "V_s")
    with pytest.raises(ValueError, match="sized on the attractor; give start"):
        unfolding(surrogate, "output")
    rest = sns.dynamics.fixed_points(surrogate, {"V_S": -46.0})
    with pytest.raises(ValueError, match="rests or diverges"):
        unfolding(surrogate, "output", at=-46.0, start=[float(rest[s][0, 0]) for s in STATE])
    ds = surrogate.rollout({k: [v] for k, v in STATE.items()}, {"V_S": [-36.0]}, "1 s")
    with pytest.raises(ValueError, match="less than the record of 1 s"):
        regime_table(ds, "V_S", transient="1 s")
