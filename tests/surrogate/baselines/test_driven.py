"""Baselines of driven neurons: known dynamics found again, compiled steps, rollouts, bad input."""

import numpy as np
import pytest
import torch
from torch import nn

import snnsurrogate as sns
from snnsurrogate import protocols, schema
from snnsurrogate.kernels import integrate_driven
from snnsurrogate.surrogate import ExtrapolationWarning
from snnsurrogate.surrogate.baselines import _driven_gru_training, _system_fit, driven_gru
from snnsurrogate.surrogate.driven_data import DrivenData
from tests.surrogate.driven import driven_data, driven_dataset

TRUE = {"V_scale": 30.0, "V_offset": -29.0, "I_scale": 22.0, "I_offset": 1.0, "speed": 2.0}
STEP = protocols.step("amplitude", start="2 ms")


@pytest.fixture(scope="module")
def hh():
    return driven_data()


def records_of(system, currents):
    """What a system answers to steps, as records to fit."""
    kernel = system.kernel()
    p = kernel.parameter_matrix({}, 1)[0]
    rest = _system_fit.rest_state(kernel, list(system.initial.values()), p)
    drive = protocols.step(list(currents), start="2 ms").drive(len(currents))
    start, stop = drive.segments("0.05 ms", 2400, unit="uA/cm**2")
    made = integrate_driven(
        kernel, np.tile(rest, (len(currents), 1)), input="I", start=start, stop=stop, dt=0.05,
        every=2,
    )  # fmt: skip
    start, stop = drive.segments("0.1 ms", 1200, unit="uA/cm**2")
    return _system_fit.Records(
        step=0.1, start=start, stop=stop, v=made[..., 0],
        random=np.zeros(len(currents), bool), threshold=-20.0, reset=-40.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def known():
    """A rescaled FitzHugh-Nagumo neuron."""
    return sns.systems.rescaled(
        sns.systems.get("fitzhugh-nagumo"), like=sns.systems.get("hodgkin-huxley"), **TRUE
    )


def test_residuals_of_a_system_against_itself_are_small(known):
    records = records_of(known, [-4.0, 2.0, 6.0, 12.0, 20.0])
    assert [t.size for t in records.spikes(records.v, 0.1)][:2] == [0, 0]
    found = _system_fit.residuals(known, list(known.defaults.values()), records)
    assert max(np.abs(r).max() for r in found.values()) < 0.01


def test_residuals_see_what_differs(known):
    records = records_of(known, [2.0, 12.0])
    for name, change, kind in (
        ("V_offset", 2.0, "subthreshold"),
        ("speed", 0.1, "rate"),
        ("I_scale", -8.0, "latency"),
    ):
        p = known.defaults | {name: TRUE[name] + change}
        found = _system_fit.residuals(known, list(p.values()), records)
        assert np.abs(found[kind]).max() > 0.3, name


def test_a_known_system_is_found_again(known):
    records = records_of(known, [-4.0, 2.0, 8.0, 12.0, 20.0])
    names, start = ("V_scale", "I_scale", "speed"), np.array([26.0, 27.0, 1.6])

    def wrong(q):
        p = known.defaults | dict(zip(names, q, strict=True))
        found = _system_fit.residuals(known, list(p.values()), records)
        return np.full(35, 30.0) if found is None else np.concatenate(list(found.values()))

    bounds = np.array([0.6 * start, 1.5 * start]).T
    best, cost = _system_fit.search(wrong, bounds, rounds=12, members=8, seed=0)
    assert cost < 0.2
    np.testing.assert_allclose(best, [TRUE[n] for n in names], rtol=0.02)


def test_a_system_without_rest_has_no_residuals(known):
    records = records_of(known, [2.0])
    p = known.defaults | {"I_offset": -15.0}
    assert _system_fit.residuals(known, list(p.values()), records) is None


@pytest.fixture(scope="module")
def equations(hh):
    return sns.baselines.get("fitted-system", rounds=2, members=4, noise=1).fit(hh, seed=1)


@pytest.fixture(scope="module")
def network(hh):
    config = sns.baselines.DrivenGRU(units=3, horizons=(("2 ms", 30), ("4 ms", 30)), warm_up="4 ms")
    return config.fit(hh, seed=1)


def test_a_fitted_system_is_a_system(equations):
    assert equations.system.parameter("V_scale").unit == "mV"
    assert set(equations.card["fit"]["constants"]) == {*TRUE, "a", "b", "eps"}
    assert equations.card["fit"]["fitted"] == 5
    points = sns.dynamics.fixed_points(equations, {"I": [0.0]})
    run = equations.rollout(None, {"I": 0.0}, "20 ms")
    np.testing.assert_allclose(run["V"], float(points["V"][0, 0]), atol=1e-6)
    assert float(run["V"][0, 0]) == pytest.approx(-65.0, abs=0.1)  # fitted by the rest potential
    fine = equations.rollout(None, {"I": 12.0}, "20 ms", substeps=2)
    plain = equations.rollout(None, {"I": 12.0}, "20 ms")
    np.testing.assert_allclose(fine["V"], plain["V"], atol=0.2)


def test_free_constants_of_a_model_with_units(hh):
    fitted = sns.baselines.FittedSystem(system="hh-vn", free=("s",), rounds=1, members=4).fit(hh)
    assert fitted.card["fit"]["fitted"] == 1
    assert 0.7 <= fitted.system.defaults["s"] <= 1.0
    assert fitted.system.defaults["k"] == 1.0


@pytest.mark.parametrize("which", ["equations", "network"])
def test_rollouts_are_driven_datasets(which, request, hh):
    fitted = request.getfixturevalue(which)
    run = fitted.rollout(None, {"amplitude": [1.0, 12.0]}, "30 ms", protocol=STEP)
    assert schema.violations(run) == []
    assert schema.inputs_of(run) == ["I"]
    assert run["amplitude"].values.tolist() == [1, 12]
    np.testing.assert_allclose(run["V"][:, 0], run["V"][0, 0])
    again = fitted.rollout(None, {}, "25 ms", protocol=protocols.of(hh[0]))
    kept = again["time"].values <= 25
    every = round(float(again["time"][1]) / 0.1 - 1e-9) or 1
    if every > 1:
        np.testing.assert_array_equal(again["I"][:, kept], hh[0]["I"][:, ::every])
    assert "Baseline" in repr(fitted)


def test_compiled_steps_are_those_of_torch():
    torch.manual_seed(0)
    memory, head = nn.GRU(1, 5, batch_first=True).double(), nn.Linear(5, 1).double()
    w = {k: v.detach().numpy() for k, v in memory.named_parameters()}
    u = np.random.default_rng(1).normal(size=60)
    made = driven_gru.free_run(
        w["weight_ih_l0"][:, 0].copy(), w["bias_ih_l0"], w["weight_hh_l0"], w["bias_hh_l0"],
        head.weight[0].detach().numpy(), head.bias.item(), u, 20,
    )  # fmt: skip
    with torch.no_grad():
        expected = head(memory(torch.as_tensor(u)[None, :, None])[0])[0, :, 0].numpy()
    np.testing.assert_allclose(made, expected[19:], atol=1e-9)


def test_a_network_learns_a_leaky_response(network):
    """Linear below threshold: after enough updates the error is far below the variance."""
    report = network.card["fit"]
    assert report["fitted"] == 3 * (3 + 9 + 3 + 3) + 4
    assert report["history"][0]["error"] > report["history"][-1]["error"] * 0.2
    assert report["alive"] == (report["explained_variance"] > 0.1)


def test_the_input_of_a_step_is_its_mean():
    data = DrivenData.of(driven_dataset(protocols.step([5.0], start="1.3 ms"), 1))
    config = sns.baselines.DrivenGRU(every=2, input_scale=10.0)
    u, y, (mean, sd) = _driven_gru_training._series(config, data, 7)
    np.testing.assert_allclose(u[0, :7], 0)
    np.testing.assert_allclose(u[0, 7 + 5 : 7 + 8], [0, 0.25, 0.5], atol=1e-7)
    np.testing.assert_allclose(mean + sd * y[0, 7:].numpy(), data.x[0, 2::2, 0], atol=1e-4)


def test_a_network_takes_input_that_changes_within_its_step(network):
    """A step of 0.2 ms sees the mean of noise that changes every 0.1 ms."""
    noise = protocols.ou(mean=5.0, sd=2.0, tau="3 ms", step="0.1 ms", rule="hold", seed=1)
    run = network.rollout(None, {}, "20 ms", protocol=noise)
    values = noise.drive(1).values("0.1 ms", 200, unit="uA/cm**2")
    means = protocols.array(values[0, :200].reshape(-1, 2).mean(1), "0.2 ms", rule="hold")
    same = network.rollout(None, {}, "20 ms", protocol=means)
    np.testing.assert_allclose(run["V"], same["V"], atol=1e-9)
    assert float(run["time"][1]) == 0.2
    late = network.rollout(None, {}, "20 ms", protocol=protocols.step(8, start="5.1 ms"))
    assert np.isfinite(late["V"]).all()


def test_weights_follow_from_the_seed(hh):
    config = sns.baselines.DrivenGRU(horizons=(("2 ms", 3),), warm_up="1 ms", batch=4)
    same, again, other = (
        config.fit(hh, seed=s).rollout(None, {"I": 5.0}, "10 ms")["V"].values for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(same, again)
    assert (same != other).any()


def test_names_by_kind():
    assert sns.baselines.names("driven") == ["driven-gru", "fitted-system"]
    assert set(sns.baselines.names("driven")) < set(sns.baselines.names())
    with pytest.raises(ValueError, match="kind is 'cells'"):
        sns.baselines.names("cells")


# --- bad input ---


def test_a_current_outside_the_trained_range_warns_with_it(equations):
    with pytest.warns(ExtrapolationWarning, match=r"outside the trained range \["):
        equations.rollout(None, {"I": 150.0}, "1 ms")
    with pytest.raises(ValueError, match="strict"):
        equations.rollout(None, {"I": 150.0}, "1 ms", strict=True)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"initial": {"V": -60.0}}, "starts at rest"),
        ({"parameters": {}}, "is driven by I"),
        ({"parameters": {"I": 1.0}, "protocol": STEP}, "one of the two"),
        ({"parameters": {"I": 1.0, "g_Na": 90.0}}, "g_Na was 120 throughout training"),
        ({"parameters": {"I": 1.0, "gna": 90.0}}, "no parameter 'gna'"),
        ({"duration": "10.03 ms"}, "whole number of steps"),
        ({"substeps": 0}, "substeps is 0"),
        ({"protocol": protocols.step(3, start="80 ms"), "parameters": {}}, "begins at 80 ms"),
        (
            {"protocol": protocols.array(np.ones(9), "1 ms", rule="hold"), "parameters": {}},
            "ends at 9 ms, before the record",
        ),
        ({"protocol": STEP, "parameters": {"amplitude": np.nan}}, "not finite in sample 0"),
    ],
)
def test_bad_rollouts(equations, change, match):
    asked = {"initial": None, "parameters": {"I": 1.0}, "duration": "10 ms", **change}
    first = [asked.pop(name) for name in ("initial", "parameters", "duration")]
    with pytest.raises(ValueError, match=match):
        equations.rollout(*first, **asked)


def test_a_network_has_no_equations_and_no_finer_step(network):
    with pytest.raises(ValueError, match="no equations"):
        network.kernel()
    with pytest.raises(ValueError, match="has one step"):
        network.rollout(None, {"I": 1.0}, "1 ms", substeps=2)


def test_bad_settings_and_data(hh):
    with pytest.raises(ValueError, match="'c' is no parameter of"):
        sns.baselines.FittedSystem(free=("c",))
    with pytest.raises(ValueError, match="has units"):
        sns.baselines.FittedSystem(system="hh-vn").fit(hh)
    with pytest.raises(ValueError, match="clip of driven-gru is 0"):
        sns.baselines.DrivenGRU(clip=0.0)
    with pytest.raises(ValueError, match="learning_rate is"):
        sns.baselines.DrivenGRU(learning_rate=(1e-3, -1.0))
    with pytest.raises(ValueError, match="is too long"):
        sns.baselines.DrivenGRU(horizons=(("90 ms", 1),)).fit(hh)
    warm = driven_dataset(protocols.step([1, 2]), 2, celsius=np.array([6.3, 10.0]))
    with pytest.raises(ValueError, match="'celsius'.* vary"):
        sns.baselines.DrivenGRU().fit(warm)
