"""Every registered map of states: learns a decay, keeps shapes, saves, repeats itself.

Models of networks are tested in tests/surrogate: test_population_map.py, test_event_map.py; of
scalar series in test_delay_map.py; driven models in test_driven_models.py.
"""

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate import models
from tests.surrogate.conftest import decay_dataset

ALL = models.names()
MAPS = [name for name in ALL if models.get(name).view == "states"]


@pytest.fixture(scope="module")
def data():
    return decay_dataset(np.linspace(0.5, 2.0, 10))


@pytest.fixture(scope="module", params=MAPS)
def fitted(request, data):
    return sns.fit(models.get(request.param), data, schedule=(models.Adam(steps=400),), seed=2)


def test_learns_a_decay(fitted):
    out = fitted.rollout({"x": 0.8, "y": 0.0}, {"rate": 1.2}, "1 s")
    np.testing.assert_allclose(out.x[0], 0.8 * np.exp(-1.2 * out.time), atol=0.05)


def test_rollout_shape_and_schema(fitted):
    out = fitted.rollout({"x": [0.1, 0.2, 0.3], "y": 0.0}, {"rate": 1.0}, "0.5 s")
    assert out.sizes["sample"] == 3
    assert out.sizes["time"] == 6
    assert schema.violations(out) == []


def test_save_and_load(fitted, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    start, point = {"x": 0.4, "y": 0.0}, {"rate": 0.9}
    np.testing.assert_array_equal(
        fitted.rollout(start, point, "1 s").x, loaded.rollout(start, point, "1 s").x
    )


def test_compiled_jacobian_equals_finite_differences(fitted):
    kernel = fitted.kernel()
    x, p, h = np.array([0.3, 2e-5]), np.array([1.1]), np.array([1e-6, 1e-10])
    want = np.stack(
        [
            (kernel(x + h * e, p) - kernel(x - h * e, p)) / (2 * h[i])
            for i, e in enumerate(np.eye(2))
        ],
        1,
    )
    np.testing.assert_allclose(kernel.jacobian(x, p), want, rtol=1e-5, atol=1e-9)


def test_same_seed_same_weights(fitted, data):
    again = sns.fit(fitted.model, data, schedule=(models.Adam(steps=400),), seed=2)
    other = sns.fit(fitted.model, data, schedule=(models.Adam(steps=1),), seed=3)
    first, second, third = (s.module.state_dict() for s in (fitted, again, other))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not all(torch.equal(first[k], third[k]) for k in first)


def test_compiled_step_agrees_with_torch(fitted):
    scaling = fitted.scaling
    x, p = np.array([0.3, 2e-5]), np.array([1.1])
    with torch.no_grad():
        carry, q = (torch.as_tensor(a)[None] for a in (scaling.states(x), scaling.parameters(p)))
        want = scaling.mean + scaling.sd * fitted.module.step(carry, q).numpy()[0]
    np.testing.assert_allclose(fitted.kernel()(x, p), want, rtol=1e-13, atol=1e-18)


def test_models_are_registered_on_purpose_and_once(monkeypatch):
    monkeypatch.setattr(models._base, "REGISTRY", dict(models._base.REGISTRY))

    class Other(models.RecurrentMap):
        """A variant under the name of another."""

    assert models.names() == ALL, "a subclass alone registers nothing"
    with pytest.raises(ValueError, match=r"'recurrent-map' of .*Other is already registered by"):
        models.register(Other)
    assert models.register(models.RecurrentMap) is models.RecurrentMap


def test_unknown_model_and_setting_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'recurrent-map'"):
        models.get("recurent-map")
    with pytest.raises(ValueError, match="has no setting"):
        models.get(ALL[0], no_such_setting=1)
