"""Every registered driven model: derivatives, torch and Brian2 forms, saving, rollouts."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import protocols, schema
from snnsurrogate.surrogate import models
from snnsurrogate.surrogate._sensitivity import sensitivities, trajectory
from snnsurrogate.surrogate.models import Layout
from tests.surrogate.driven import SHORT, driven_data

DRIVEN = [name for name in models.names() if models.get(name).view == "driven"]

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


@pytest.fixture(scope="module")
def data():
    return driven_data()


@pytest.fixture(scope="module", params=DRIVEN)
def fitted(request, data):
    with warnings.catch_warnings():  # starts may die
        warnings.filterwarnings("ignore", r"start \d died")
        return sns.fit(models.get(request.param, units=3), data, schedule=SHORT, seed=3)


def drawn(name, units, parameters):
    model = models.get(name, units=units)
    theta = model.draw(parameters, np.random.default_rng(0))
    return model, model.flow(parameters), theta


@pytest.mark.parametrize("name", DRIVEN)
@pytest.mark.parametrize(("units", "parameters"), [(1, 0), (2, 0), (3, 2)])
def test_sensitivities_equal_finite_differences(name, units, parameters):
    _, flow, theta = drawn(name, units, parameters)
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


@pytest.mark.parametrize("name", DRIVEN)
def test_compiled_field_equals_the_torch_module(name):
    model, flow, theta = drawn(name, 3, 1)
    layout = Layout(states=(), parameters=("q",), increment_scale=np.empty(0), recorded=("V",))
    module = model.build(layout, generator_seed=0)
    module.load_state_dict({**module.state_dict(), "theta": torch.tensor(theta)})
    h, x, out = np.array([0.2, -0.4, 0.1]), np.array([0.5, -1.0]), np.empty(3)
    flow.field(theta, h, x, np.empty(64), out)
    with torch.no_grad():
        want = module.rhs(torch.tensor(h)[None], torch.tensor(x)[None]).numpy()[0]
        np.testing.assert_allclose(module.observe(torch.tensor(h)[None])[0, 0], flow.read(theta, h))
    np.testing.assert_allclose(out, want, rtol=1e-13)


def test_save_and_load(fitted, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    a, b = (s.rollout(None, {"I": [12.0]}, "10 ms") for s in (fitted, loaded))
    np.testing.assert_array_equal(a.V, b.V)


def test_same_seed_same_weights(fitted, data):
    again = sns.fit(fitted.model, data, schedule=SHORT, seed=3)
    for name, values in fitted.module.state_dict().items():
        assert torch.equal(values, again.module.state_dict()[name])


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
