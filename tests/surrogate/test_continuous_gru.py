"""ContinuousGRU: known dynamics, training and its errors."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import protocols
from snnsurrogate.surrogate import _driven_fit, _driven_loop, _driven_rest, _gru_field, models
from tests.surrogate.driven import SHORT, driven_data, driven_dataset


@pytest.fixture(scope="module")
def data():
    return driven_data()


@pytest.fixture(scope="module")
def fitted(data):
    return sns.fit(sns.models.ContinuousGRU(units=3), data, schedule=SHORT, seed=1)


def drawn(units, parameters=0, seed=0):
    model = sns.models.ContinuousGRU(units=units)
    return model, model.flow(parameters), model.draw(parameters, np.random.default_rng(seed))


@pytest.mark.parametrize(("alpha", "deviation"), [(0.2, 0.71), (0.5, 0.56), (0.8, 0.21)])
def test_rotation_has_the_limit_cycle_of_the_literature(alpha, deviation):
    """U_h = 3 R(alpha), all else 0: reference values computed from the equations."""
    model, flow, _ = drawn(2)
    theta, blocks = np.zeros(flow.size), model.blocks(0)
    turn = [math.cos(alpha), -math.sin(alpha), math.sin(alpha), math.cos(alpha)]
    theta[blocks["U_h"][0]] = 3 * np.array(turn)
    theta[blocks["log_tau"][0]] = math.log(1.0 - _gru_field.LEAST_TAU)
    zero = np.zeros((20000, 1))
    h = flow.run(theta, np.array([0.3, 0.1]), zero, zero, 0.1)
    assert h[5000:, 0].std() == pytest.approx(deviation, abs=0.012)
    assert np.abs(h).max() < 1


def test_fixed_points_do_not_depend_on_an_input_into_the_update_gate():
    model = sns.models.ContinuousGRU(units=2, gates=("update",))
    flow, theta, blocks = model.flow(0), model.draw(0, np.random.default_rng(4)), model.blocks(0)
    still = np.concatenate([np.arange(*blocks[name][0].indices(99)) for name in ("W_r", "W_h")])
    np.testing.assert_array_equal(np.flatnonzero(~flow.free), still)
    assert not theta[still].any()
    theta[blocks["U_h"][0]] *= 0.3  # contracting: one stable state
    h, _ = _driven_fit.rest(flow, theta, np.zeros(2), np.zeros(1), 0.1)
    f = np.empty(2)
    flow.field(theta, h, np.array([2.0]), np.empty(64), f)
    np.testing.assert_allclose(f, 0, atol=1e-9)


def test_rest_and_its_derivative():
    _, flow, theta = drawn(2, 0, seed=3)
    theta[: 3 * 4] *= 0.2  # weak coupling: one stable state
    x = np.zeros(1)
    h, slope = _driven_fit.rest(flow, theta, np.zeros(2), x, 0.1)
    for k in np.flatnonzero(flow.free)[:-3]:
        up, down = (theta + s * 1e-6 * np.eye(flow.size)[k] for s in (1, -1))
        a, b = (_driven_fit.rest(flow, t, h, x, 0.1)[0] for t in (up, down))
        np.testing.assert_allclose((a - b) / 2e-6, slope[:, k], atol=1e-6)


def test_gradient_of_runs_from_rest(data, fitted):
    known = sns.surrogate.driven_data.DrivenData.of(data)
    features = known.features(known.outline(), states=True)
    records = known.records(features, input_scale=20.0, scaling=fitted.scaling)
    flow = fitted.model.flow(0)
    theta = _driven_fit.weights(fitted.module, "theta")
    runs = _driven_rest.FromRest(
        flow, records, [3, 5, 9], steps=200, guess=np.array(fitted.card["rest"])
    )
    total = runs.evaluate(theta, slopes=True)
    free = np.flatnonzero(flow.free)
    for k in range(0, len(free), 7):
        e = 1e-6 * np.eye(flow.size)[free[k]]
        a, b = (runs.evaluate(theta + s * e, slopes=False).cost for s in (1, -1))
        slope = (a - b) / 4e-6  # the gradient is of half the cost
        assert total.gradient[k] == pytest.approx(slope, rel=2e-3, abs=1e-3)
    with ThreadPoolExecutor(2) as pool:
        runs.pool = pool
        shared = runs.evaluate(theta, slopes=True)
    np.testing.assert_array_equal(shared.matrix, total.matrix)


def test_spikes_are_paired_in_order_or_with_their_nearest():
    a = np.array([1.0, 9.0, 20.0])
    for ours, theirs, want in (
        (a, a + 5, [(0, 0), (1, 1), (2, 2)]),  # as many: in order
        (a, np.array([1.5, 19.0]), [(0, 0), (2, 1)]),  # one too many
        (np.array([8.0, 10.0]), np.array([9.5]), [(1, 0)]),  # the nearer one
        (a, np.array([30.0]), []),
        (a, np.empty(0), []),
    ):
        i, j = _driven_rest.pairs(ours, theirs)
        assert list(zip(i.tolist(), j.tolist(), strict=True)) == want


def test_runs_that_equal_the_records_cost_nothing(data, fitted):
    """Records made by the model itself; then one with a spike that the model does not fire."""
    known = sns.surrogate.driven_data.DrivenData.of(data)
    features = known.features(known.outline(), states=True)
    records = known.records(features, input_scale=20.0, scaling=fitted.scaling)
    flow, theta = fitted.model.flow(0), _driven_fit.weights(fitted.module, "theta")
    rest = np.array(fitted.card["rest"])
    own = np.stack([
        flow.read(theta, flow.run(theta, rest, a, b, records.dt))
        for a, b in zip(records.start, records.stop, strict=True)
    ])  # fmt: skip
    records = dataclasses.replace(records, y=own)
    runs = _driven_rest.FromRest(flow, records, range(len(own)), steps=250, guess=rest)
    assert runs.evaluate(theta, slopes=False).cost == pytest.approx(0.0, abs=1e-12)
    assert runs.mismatched == 0
    fired = int(np.argmax(own[:8].max(axis=1)))  # a step
    late = dataclasses.replace(records, y=np.roll(own, 20, axis=1))  # by 2 ms
    costs = [
        _driven_rest.FromRest(flow, late, [fired], steps=250, guess=rest, cut=cut)
        .evaluate(theta, slopes=False)
        .cost
        for cut in (1.0, 5.0, 1000.0)
    ]
    assert costs[0] < costs[1] < costs[2]  # the larger the cut, the less is given up
    silent = int(np.argmin(own.max(axis=1)))
    own[silent, 100:105] = 30.0
    runs = _driven_rest.FromRest(flow, records, [silent], steps=250, guess=rest)
    assert runs.evaluate(theta, slopes=False).cost > 1.0
    assert runs.mismatched == 1


def test_states_that_never_return_are_counted():
    """One unit with two stable states, of which the records know one."""
    model = sns.models.ContinuousGRU(units=1)
    flow, theta, blocks = model.flow(0), np.zeros(model.flow(0).size), model.blocks(0)
    theta[blocks["U_h"][0]], theta[blocks["w"][0]] = 6.0, 1.0  # h near -1 and near 1
    theta[blocks["log_tau"][0]] = math.log(0.5)
    y = np.array([[-102.0, -96.0]])  # h between -1.05 and -0.9
    zero = np.zeros((1, 1, 1))
    records = _driven_fit.Records(
        dt=0.1, start=zero, stop=zero, y=y, features=np.ones((1, 2, 1)), since=np.zeros(1),
        released=np.zeros(1, bool), random=np.zeros(1, bool), threshold=-20.0, reset=-40.0,
    )  # fmt: skip
    assert 0.25 < _driven_loop.strays(flow, theta, records, 1.0) < 0.75
    y[0, 1] = -10.0
    assert _driven_loop.strays(flow, theta, records, 1.0) == 0.0


def test_training_says_what_it_did(fitted):
    kinds = [h["kind"] for h in fitted.history]
    assert kinds[-1] == "from-rest"
    living = [h for h in fitted.history if h.get("lives")]
    assert len(living) == 2
    assert min(h["explained"] for h in living) > 0.7
    scores = [h["scores"] for h in fitted.history if "scores" in h]
    assert [len(s) for s in scores] == [2, 1]  # two candidates, then the better one
    assert fitted.history[-1]["loss"] == pytest.approx(scores[-1][0], abs=1e-3)
    card = fitted.card
    assert [s["name"] for s in card["states"]] == ["h_1", "h_2", "h_3"]
    assert card["observed"] == [{"name": "V", "unit": "mV"}]
    assert card["input"]["name"] == "I"
    assert card["input"]["high"] == 40.0
    assert fitted.observed == ("V",)
    assert fitted.parameters == ()


@pytest.mark.slow
def test_resuming_gives_the_same_weights(fitted, data, tmp_path):
    part = sns.fit(fitted.model, data, schedule=SHORT, seed=1, out=tmp_path / "s", budget="0.001 s")
    assert part.card["training"]["ended_by"] == "budget"
    whole = sns.fit(fitted.model, data, schedule=SHORT, seed=1, out=tmp_path / "s")
    for name, values in fitted.module.state_dict().items():
        assert torch.equal(values, whole.module.state_dict()[name])


def test_bad_use_is_refused(fitted, data):
    with pytest.raises(ValueError, match="one of the two"):
        fitted.rollout(None, {}, "10 ms")
    with pytest.raises(ValueError, match="finite numbers"):
        fitted.rollout(None, {"I": [np.nan]}, "10 ms")
    with pytest.raises(ValueError, match="whole number of steps"):
        fitted.rollout(None, {"I": [1.0]}, "10.03 ms")
    with pytest.warns(sns.surrogate.ExtrapolationWarning, match=r"outside the trained range \["):
        fitted.rollout(None, {"I": [90.0]}, "1 ms")
    with pytest.raises(ValueError, match="allows no extrapolation"):
        fitted.rollout(None, {"I": [90.0]}, "1 ms", strict=True)
    with pytest.raises(ValueError, match="does not train this model"):
        sns.fit(fitted.model, data, schedule=(models.Adam(),))
    with pytest.raises(ValueError, match="needs records as long"):
        sns.fit(fitted.model, data, schedule=(SHORT[0], models.FromRest(duration="90 ms")))
    with pytest.raises(ValueError, match="expected some of"):
        sns.models.ContinuousGRU(gates=("output",))
    with pytest.raises(ValueError, match="whole number of at least 1"):
        sns.models.ContinuousGRU(units=0)


def test_dead_starts_are_said_and_replaced(data):
    hopeless = models.Starts(count=2, horizons=(("4 ms", 20),), first=1, alive=0.9999)
    with (
        pytest.warns(UserWarning, match=r"start \d died"),
        pytest.raises(ValueError, match="all 2 starts died"),
    ):
        sns.fit(sns.models.ContinuousGRU(units=2), data, schedule=(hopeless,), seed=0)


@pytest.mark.filterwarnings(r"ignore:start \d died")
def test_the_observed_quantity_alone_and_a_parameter(data):
    """Encoder without the gates, temperature as an input of the network."""
    warm = driven_dataset(protocols.step(10.0, start="2 ms"), 3, celsius=[6.3, 10.0, 14.0])
    model = sns.models.ContinuousGRU(units=2, encoder="observed")
    short = (models.Starts(horizons=(("2 ms", 30),), first=15, alive=-1e9),)
    found = sns.fit(model, [data[0], warm], schedule=short, seed=2)
    assert found.parameters == ("celsius",)
    assert found.module.encoder.shape == (2, 18)
    assert found.kernel().parameters == ("I", "celsius")
    h = np.zeros(2)
    out = found.rollout({"h_1": h, "h_2": h}, {"I": [0.0, 5.0], "celsius": [7.0, 12.0]}, "2 ms")
    assert out.sizes["sample"] == 2
