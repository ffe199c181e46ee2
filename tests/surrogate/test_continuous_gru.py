"""ContinuousGRU: exact derivatives, known dynamics, training, rollouts under protocols, Brian2."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import protocols, schema
from snnsurrogate.kernels import integrate_driven
from snnsurrogate.surrogate import _driven_fit, _gru_field, models
from snnsurrogate.surrogate._sensitivity import sensitivities, trajectory
from snnsurrogate.surrogate.models import Layout

STEP, RULE = "0.1 ms", {"state": "V", "threshold": -20.0, "reset": -40.0}


def driven_dataset(protocol, n, *, steps=250, seed=0, **parameters):
    """Hodgkin-Huxley neurons at rest under a protocol, by the package's own kernel."""
    system = sns.systems.get("hodgkin-huxley")
    kernel = system.kernel()
    drive = protocol.drive(n, seed=seed)
    start, stop = drive.segments("0.025 ms", 4 * steps, unit="uA/cm**2")
    x0 = np.tile([system.initial[name] for name in kernel.states], (n, 1))
    x = integrate_driven(
        kernel, x0, {k: np.broadcast_to(v, n) for k, v in parameters.items()} or None,
        input="I", start=start, stop=stop, dt=0.025, every=4,
    )  # fmt: skip
    names = [name for name in kernel.parameters if name != "I"]
    described = {
        name: {"value": float(v), "unit": u, "low": 0.0, "high": 500.0}
        for name, u, v in zip(
            kernel.parameters, kernel.parameter_units, kernel.parameter_defaults, strict=True
        )
        if name != "I"
    }
    values = {name: parameters.get(name, described[name]["value"]) for name in names}
    return schema.build(
        states={name: x[..., i] for i, name in enumerate(kernel.states)},
        time=np.arange(steps + 1) * 0.1,
        parameters=values,
        initial={name: x0[:, i] for i, name in enumerate(kernel.states)},
        seeds=drive.seeds,
        units={
            "time": "ms", "V": "mV", "I": "uA/cm**2", **drive.units("uA/cm**2"),
            **{name: about["unit"] for name, about in described.items()},
        },
        spikes=[np.empty(0)] * n,
        inputs={"I": drive.values(STEP, steps, unit="uA/cm**2")},
        input_rule=drive.rule,
        stimuli=drive.columns,
        attrs={
            "kind": "simulation", "system": "hodgkin-huxley", "title": "", "source": "",
            "equations": "", "equations_hash": "0" * 64, "parameters": json.dumps(described),
            "duration": f"{steps / 10} ms", "transient": "0 ms", "record_every": STEP,
            "dt": "0.025 ms", "method": "rk4", "engine": "kernel", "seed": seed, "design": "",
            "protocol": drive.json, "spike_rule": json.dumps(RULE), "versions": "{}",
        },
    )  # fmt: skip


SHORT = (
    models.Starts(horizons=(("3 ms", 40), ("6 ms", 40)), iterations=15, first=15),
    models.FromRest(duration="20 ms", rounds=1, iterations=3, random=2),
)


@pytest.fixture(scope="module")
def data():
    currents = [-5.0, 0.0, 2.0, 5.0, 8.0, 12.0, 20.0, 40.0]
    noise = protocols.ou(mean=6.0, sd=4.0, tau="3 ms", step=STEP, rule="hold")
    return [
        driven_dataset(protocols.step(currents, start="2 ms"), len(currents)),
        driven_dataset(noise, 4, seed=3),
    ]


@pytest.fixture(scope="module")
def fitted(data):
    return sns.fit(sns.models.ContinuousGRU(units=3), data, schedule=SHORT, seed=1)


def drawn(units, parameters=0, seed=0):
    model = sns.models.ContinuousGRU(units=units)
    return model, model.flow(parameters), model.draw(parameters, np.random.default_rng(seed))


@pytest.mark.parametrize(("units", "parameters"), [(1, 0), (2, 0), (3, 2)])
def test_sensitivities_equal_finite_differences(units, parameters):
    _, flow, theta = drawn(units, parameters)
    rng = np.random.default_rng(1)
    d, n, m = units, flow.size, 1 + parameters
    start, stop, h0 = rng.normal(size=(30, m)), rng.normal(size=(30, m)), 0.3 * rng.normal(size=d)
    s0 = np.concatenate([np.zeros((d, n)), np.eye(d)], 1)
    states, slopes = np.empty((31, d)), np.empty((31, n + d))
    sensitivities(flow.linear, theta, h0, s0, start, stop, 0.1, flow.gain, states, slopes)

    def y(p):
        out = np.empty((31, d))
        trajectory(flow.field, p[:n].copy(), p[n:].copy(), start, stop, 0.1, out)
        return flow.read(p[:n], out)

    p = np.concatenate([theta, h0])
    np.testing.assert_allclose(flow.read(theta, states), y(p), rtol=1e-13)
    step = 1e-6
    want = np.stack([(y(p + step * e) - y(p - step * e)) / (2 * step) for e in np.eye(n + d)], 1)
    np.testing.assert_allclose(slopes, want, rtol=1e-6, atol=1e-6)


def test_compiled_field_equals_the_torch_module():
    model, flow, theta = drawn(3, 1)
    layout = Layout(states=(), parameters=("q",), increment_scale=np.empty(0), recorded=("V",))
    module = model.build(layout, generator_seed=0)
    module.load_state_dict({**module.state_dict(), "theta": torch.tensor(theta)})
    h, x, out = np.array([0.2, -0.4, 0.1]), np.array([0.5, -1.0]), np.empty(3)
    flow.field(theta, h, x, np.empty(64), out)
    with torch.no_grad():
        want = module.rhs(torch.tensor(h)[None], torch.tensor(x)[None]).numpy()[0]
        np.testing.assert_allclose(module.observe(torch.tensor(h)[None])[0, 0], flow.read(theta, h))
    np.testing.assert_allclose(out, want, rtol=1e-13)


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
    runs = _driven_fit.FromRest(
        flow, records, [3, 5, 9], steps=200, guess=np.array(fitted.card["rest"])
    )
    total = runs.evaluate(theta, slopes=True)
    free = np.flatnonzero(flow.free)
    for k in range(0, len(free), 7):
        e = 1e-6 * np.eye(flow.size)[free[k]]
        a, b = (runs.evaluate(theta + s * e, slopes=False).cost for s in (1, -1))
        slope = (a - b) / 4e-6  # the gradient is of half the cost
        assert total.gradient[k] == pytest.approx(slope, rel=2e-3, abs=1e-3)


def test_training_says_what_it_did(fitted):
    kinds = [h["kind"] for h in fitted.history]
    assert kinds[-1] == "from-rest"
    assert fitted.history[-2]["lives"]
    assert fitted.history[-2]["explained"] > 0.7
    card = fitted.card
    assert [s["name"] for s in card["states"]] == ["h_1", "h_2", "h_3"]
    assert card["observed"] == [{"name": "V", "unit": "mV"}]
    assert card["input"]["name"] == "I"
    assert card["input"]["high"] == 40.0
    assert fitted.observed == ("V",)
    assert fitted.parameters == ()


def test_rollout_at_rest_under_a_current_and_a_protocol(fitted):
    out = fitted.rollout(None, {"I": [0.0, 20.0]}, "20 ms")
    assert schema.violations(out) == []
    assert schema.states_of(out) == ["V"]
    np.testing.assert_allclose(out.V[0], out.V[0, 0], atol=1e-6)
    assert abs(float(out.V[0, 0]) + 65) < 3
    h = np.stack([out[f"h_{i}"] for i in (1, 2, 3)], -1)
    np.testing.assert_allclose(fitted.observe(h)["V"], out.V)
    finer = fitted.rollout(None, {"I": [0.0, 20.0]}, "20 ms", substeps=4)
    np.testing.assert_allclose(finer.V, out.V, atol=1.5)
    driven = fitted.rollout(
        None, {"size": [5.0, 20.0]}, "20 ms", protocol=protocols.step("size", start="0 ms")
    )
    np.testing.assert_allclose(driven.V[1], out.V[1])
    assert json.loads(driven.attrs["protocol"])["kind"] == "step"
    assert schema.inputs_of(driven) == ["I"]
    again = fitted.rollout(None, {}, "20 ms", protocol=protocols.of(driven))
    np.testing.assert_array_equal(again.V, driven.V)


def test_save_and_load(fitted, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    a, b = (s.rollout(None, {"I": [12.0]}, "10 ms") for s in (fitted, loaded))
    np.testing.assert_array_equal(a.V, b.V)


def test_same_seed_same_weights(fitted, data):
    again = sns.fit(fitted.model, data, schedule=SHORT, seed=1)
    for name, values in fitted.module.state_dict().items():
        assert torch.equal(values, again.module.state_dict()[name])


@pytest.mark.slow
def test_resuming_gives_the_same_weights(fitted, data, tmp_path):
    part = sns.fit(fitted.model, data, schedule=SHORT, seed=1, out=tmp_path / "s", budget="0.001 s")
    assert part.card["training"]["ended_by"] == "budget"
    whole = sns.fit(fitted.model, data, schedule=SHORT, seed=1, out=tmp_path / "s")
    for name, values in fitted.module.state_dict().items():
        assert torch.equal(values, whole.module.state_dict()[name])


def test_kernel_is_a_flow_with_its_jacobian(fitted):
    kernel = fitted.kernel()
    assert kernel.kind == "flow"
    assert kernel.parameters == ("I",)
    x, p = np.array([0.1, -0.2, 0.3]), np.array([7.0])
    want = np.stack(
        [(kernel(x + 1e-6 * e, p) - kernel(x - 1e-6 * e, p)) / 2e-6 for e in np.eye(3)], 1
    )
    np.testing.assert_allclose(kernel.jacobian(x, p), want, atol=1e-6)
    points = sns.dynamics.fixed_points(fitted, {"I": [0.0]})
    rest = np.array([points[s].values[0] for s in kernel.states])
    gap = np.abs(rest - np.array(fitted.card["rest"])[:, None]).max(axis=0)
    assert np.nanmin(gap) < 1e-7


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
    assert found.module.encoder.shape == (2, 12)
    assert found.kernel().parameters == ("I", "celsius")
    h = np.zeros(2)
    out = found.rollout({"h_1": h, "h_2": h}, {"I": [0.0, 5.0], "celsius": [7.0, 12.0]}, "2 ms")
    assert out.sizes["sample"] == 2


BRIAN = """
import sys, json, numpy as np, brian2 as b
b.prefs.codegen.target = "numpy"
b.defaultclock.dt = 0.1*b.ms
text, h0, current = json.load(sys.stdin)
group = b.NeuronGroup(1, text, method="rk4")
for i, value in enumerate(h0):
    setattr(group, f"h_{i + 1}", value)
group.I = current*b.uA/b.cm**2
monitor = b.StateMonitor(group, "V", record=True)
b.run(20*b.ms)
print(json.dumps((monitor.V[0]/b.mV).tolist()))
"""


def test_brian2_group_runs_the_same_flow(fitted):
    given = json.dumps([fitted.to_brian2(), fitted.card["rest"], 12.0])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BRIAN], input=given, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    got = np.array(json.loads(done.stdout.splitlines()[-1]))
    start = {f"h_{i + 1}": v for i, v in enumerate(fitted.card["rest"])}
    want = fitted.rollout(start, {"I": [12.0]}, "20 ms").V.values[0, : got.size]
    np.testing.assert_allclose(got, want, atol=1e-6)
