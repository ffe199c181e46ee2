"""PopulationMap: its law in closed form, compiled against torch, rollouts, training, bad input."""

import json
import warnings

import numpy as np
import pytest
import torch
from scipy import stats

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.features.field import synaptic_drive
from snnsurrogate.surrogate import (
    ExtrapolationWarning,
    _checkpoint,
    _layout,
    _random,
    _stochastic_loop,
    runtime,
)
from snnsurrogate.surrogate._lowering import lower
from snnsurrogate.surrogate.models._population_module import log_square_root_normal
from snnsurrogate.surrogate.training_data import TrainingData

Likelihood, FreeRun = sns.models.Likelihood, sns.models.FreeRun
SMALL = sns.models.PopulationMap(hidden=8, conditioning=8)
SHORT = (
    Likelihood(steps=400, records=12, pairs=96, learning_rate=(1e-2, 5e-4)),
    FreeRun(steps=15, horizon=10, starts=24, members=3, learning_rate=(5e-4, 1e-4)),
)
POINT = {"tau_EE": 2.5, "lambda_E": 6.5, "lambda_I": 6.5}
pytestmark = pytest.mark.filterwarnings("ignore:states left the region")


@pytest.fixture(scope="module")
def data(network):
    return TrainingData.of(network, view="coarse")


@pytest.fixture(scope="module")
def fitted(network):
    return sns.fit(SMALL, network, schedule=SHORT, seed=3)


@pytest.fixture(scope="module")
def run(fitted):
    points = {"tau_EE": [2.5, 1.8, 3.5], "lambda_E": [6.5, 7.0, 5.5], "lambda_I": [6.5, 7.0, 5.5]}
    return fitted.rollout(None, points, "20 s", seed=7)


def fresh(data, seed=0, model=SMALL):
    return model.build(_layout.layout(_layout.outline(data), data.scaling()), generator_seed=seed)


# --- the law ---


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 0.5), (2.2, 0.6), (9.0, 0.4), (-2.0, 0.7)])
def test_counts_have_the_probabilities_of_their_draw(mean, sd):
    n = torch.arange(0, 400.0)
    p = log_square_root_normal(n, torch.tensor(mean), torch.tensor(sd)).exp().double().numpy()
    assert p.sum() == pytest.approx(1.0, abs=2e-5)
    draws = np.floor(np.maximum(0, mean + sd * np.random.default_rng(0).normal(size=10**6)) ** 2)
    seen = np.bincount(draws.astype(int), minlength=400)[:400] / 1e6
    np.testing.assert_allclose(seen, p, atol=5 * np.sqrt(0.25 / 1e6))


def test_counts_far_in_the_tail_have_finite_slopes():
    mean = torch.tensor([0.1, 30.0, 5.0], requires_grad=True)
    value = log_square_root_normal(torch.tensor([900.0, 0.0, 0.0]), mean, torch.tensor(0.1))
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(mean.grad).all()
    expected = stats.norm.logcdf((1 - 5.0) / 0.1)
    assert float(value[2].detach()) == pytest.approx(expected, rel=0.05)


def test_without_its_networks_the_state_decays_by_the_known_constants(data):
    module = fresh(data)
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    scaling, names = data.scaling(), data.columns
    x = torch.zeros(1, 18)
    q = torch.as_tensor(scaling.parameters(np.array([[2.5, 6.0, 6.0]])), dtype=torch.float32)
    with torch.no_grad():
        after = module.step(x, q, torch.zeros(1, 18)).double().numpy()[0]
    physical = scaling.mean + scaling.sd * after
    for name, tau in (("H_EE", 2.5), ("H_IE", 1.2), ("H_EI", 4.5), ("R_I", 2.5), ("V_E_2", np.inf)):
        i = names.index(name)
        assert physical[i] == pytest.approx(scaling.mean[i] * np.exp(-1 / tau), rel=1e-4), name


def test_likelihood_is_the_density_of_the_step(data):
    """Probability of the counts (weight 4) times the normal density of many steps with them."""
    module = fresh(data, seed=5)
    rng, size = torch.manual_seed(1), 400_000
    with torch.no_grad():
        module.counted.zero_()  # no cut at zero, which the density does not know
        module.correlation.copy_(0.3 * torch.randn(16, 16, generator=rng))
        x, q, z = torch.zeros(1, 18), torch.zeros(1, 3), torch.randn(size, 18, generator=rng)
        z[:, :2] = 0.4  # the same counts in all steps
        condition = module.condition(q)
        steps = module.advance(x.expand(size, -1), condition.expand(size, -1), z)
        likelihood = module.log_likelihood(x.expand(60, -1), condition, steps[:60]).numpy()
        _, mean, sd, coupling = module._count_law(x, condition)
        n = torch.floor(torch.relu(mean[:, :1] + sd[:, :1] * 0.4) ** 2)
        r = 4 * torch.tanh((torch.sqrt(n + 0.5) - mean[:, :1]) / sd[:, :1] / 4)
        second = mean[:, 1:] + coupling * sd[:, 1:] * r
        m = torch.floor(torch.relu(second + sd[:, 1:] * 0.4) ** 2)
        of_counts = log_square_root_normal(n, mean[:, :1], sd[:, :1])
        of_counts = float(of_counts + log_square_root_normal(m, second, sd[:, 1:]))
    samples = steps[:, 2:].double().numpy()
    law = stats.multivariate_normal(samples.mean(0), np.cov(samples.T))
    scale = float(torch.log(module.increment).sum()) + 8 * np.log(2 * np.pi)  # left out of the loss
    expected = 4 * of_counts + law.logpdf(samples[:60]) + scale
    np.testing.assert_allclose(likelihood, expected, atol=0.1)


def test_energy_score_of_normal_members_in_closed_form():
    rng = torch.manual_seed(0)
    members = torch.randn(4, 200_000, 1, generator=rng)
    truth = torch.randn(200_000, 1, generator=rng)
    at_truth = float(_stochastic_loop.energy_score(members, truth))
    assert at_truth == pytest.approx(1 / np.sqrt(np.pi), abs=6e-3)  # E|X - X'| / 2
    for wrong in (members + 0.3, 1.3 * members, 0.7 * members):
        assert float(_stochastic_loop.energy_score(wrong, truth)) > at_truth + 2e-3


# --- compiled ---


def both(module, scaling):
    low, high = -8 * np.ones(18), 20 * np.ones(18)
    return (
        make(module, scaling, low, high)
        for make in (runtime.compile_rollout, runtime.torch_rollout)
    )


def follow(rollout, scaling, p, steps, *, start=0, skip=0, x=None, sample=0):
    x = scaling.mean.astype(np.float32) if x is None else x
    out, clipped = np.empty((18, steps), np.float32), np.zeros(18, np.int64)
    form = np.stack([np.ones(18), np.full(18, -np.inf), np.zeros(18)]).astype(np.float32)
    rollout.one(x, p, _random.key(11, sample), start, skip, np.arange(18), form, out, clipped)
    return out.T, clipped, x


def test_compiled_run_is_the_torch_run_with_the_same_numbers(fitted):
    scaling, p = fitted.scaling, np.array([2.5, 6.5, 6.5])
    fast, slow = both(fitted.module, scaling)
    got, _, _ = follow(fast, scaling, p, 150)
    want, _, _ = follow(slow, scaling, p, 150)
    np.testing.assert_allclose((got - want) / scaling.sd, 0, atol=2e-4)


def test_a_run_in_pieces_is_the_whole_run(fitted):
    scaling, p = fitted.scaling, np.array([2.5, 6.5, 6.5])
    rollout = fitted.compiled_rollout
    whole, clipped, end = follow(rollout, scaling, p, 100)
    first, a, x = follow(rollout, scaling, p, 45)
    second, b, x = follow(rollout, scaling, p, 35, start=45, skip=20, x=x)
    np.testing.assert_allclose(np.concatenate([first, second]), np.delete(whole, range(45, 65), 0),
                               rtol=1e-4, atol=1e-4)  # fmt: skip
    assert (clipped == a + b).all()


def test_what_depends_on_parameters_alone_is_computed_once(fitted, data):
    program = lower(fitted.module, 18, 3, 18)
    wide = lower(fresh(data, model=sns.models.PopulationMap(hidden=8, conditioning=64)), 18, 3, 18)
    assert program.before
    assert len(program.operations) == len(wide.operations), "a step costs the same"


def test_counts_are_whole_and_no_number_of_cells_is_negative(run):
    for q, size in (("E", 75), ("I", 25)):
        counts = run[f"rate_{q}"].values.astype(float) * size * 1e-3
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)
    assert all(float(run[n].min()) >= 0 for n in ("H_EE", "H_IE", "H_EI", "H_II"))


# --- rollouts ---


def test_a_rollout_is_a_network_dataset_that_every_feature_reads(run, fitted):
    assert schema.violations(run) == []
    assert run.attrs["kind"] == "rollout"
    assert json.loads(run.attrs["populations"]) == {"E": "N_E", "I": "N_I"}
    assert schema.series_of(run)[:2] == ["rate_E", "rate_I"]
    assert sns.regimes(run).sizes == {"sample": 3}
    table = sns.features.summary(run)
    np.testing.assert_allclose(table["rate_E"], run["rate_E"][:, 1:].mean("time"), rtol=1e-3)
    np.testing.assert_allclose(run["lfp"], synaptic_drive(run), atol=1e-4)


def test_rates_are_about_those_of_the_network(run, network):
    # twelve records of one second and 400 updates: not a good surrogate, but one of this network
    rates = network["rate_I"].mean()
    assert float(run["rate_I"].mean()) == pytest.approx(float(rates), rel=0.25)


def test_the_same_seed_is_the_same_run_alone_and_among_others(fitted, run):
    first = {n: run[n].values[0] for n in fitted.parameters}
    alone = fitted.rollout(None, first, "2 s", seed=7)
    np.testing.assert_array_equal(alone["rate_E"][0], run["rate_E"][0, :2001])
    other = fitted.rollout(None, first, "2 s", seed=8)
    assert not np.array_equal(other["rate_E"], alone["rate_E"])


def test_given_states_are_where_a_run_starts(fitted, network, run):
    point = {n: network[n].values[:2] for n in fitted.parameters}
    out = fitted.rollout(network.isel(sample=[0, 1]), point, "1 s")
    np.testing.assert_allclose(out["H_EE"][:, 0], network["H_EE"][:2, 0], rtol=1e-5)
    again = fitted.rollout(out, point, "1 s")  # a rollout holds its whole state
    np.testing.assert_allclose(again["rate_I"], out["rate_I"])
    start = {n: out[n].values[:, 0] for n in fitted.states}
    np.testing.assert_allclose(fitted.rollout(start, point, "1 s")["rate_I"], out["rate_I"])
    with pytest.raises(ValueError, match=r"missing \['R_I'\]"):
        fitted.rollout({k: v for k, v in start.items() if k != "R_I"}, point, "1 s")


def test_chosen_series_are_kept(fitted):
    out = fitted.rollout(None, POINT, "1 s", record=["lfp"])
    assert schema.series_of(out) == ["rate_E", "rate_I", "lfp"]
    whole = fitted.rollout(None, POINT, "1 s")
    np.testing.assert_allclose(out["lfp"], whole["lfp"], rtol=1e-5)
    with pytest.raises(ValueError, match="Did you mean 'lfp'"):
        fitted.rollout(None, POINT, "1 s", record=["lpf"])
    with pytest.raises(ValueError, match="roll out with record=None"):
        fitted.rollout(out, POINT, "1 s")


def test_saved_and_loaded_it_runs_the_same(fitted, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    a, b = (s.rollout(None, POINT, "1 s", seed=2) for s in (fitted, loaded))
    np.testing.assert_array_equal(a["H_EI"], b["H_EI"])
    assert loaded.card["tied_parameters"] == [["lambda_E", "lambda_I"]]


def test_evaluated_against_the_network(fitted, network):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # short records
        scores = sns.evaluate(network, fitted, twin=network)
    # a map of a few steps of training, but no silent one; the twin is the truth itself
    assert 0 < float(scores["population_rate_error_E_max"]) < 60
    assert float(scores["population_rate_error_E_max_floor"]) == 0.0


# --- outside what was seen ---


def test_parameters_outside_the_box_warn_with_the_distance(fitted):
    far = {**POINT, "tau_EE": 6.0}
    high = fitted.box["tau_EE"][1]
    with pytest.warns(ExtrapolationWarning, match=rf"tau_EE leaves .* by up to {6 - high:.4g}"):
        fitted.rollout(None, far, "1 s")
    with pytest.raises(ValueError, match="tau_EE leaves.*strict=True"):
        fitted.rollout(None, far, "1 s", strict=True)


def test_parameters_that_were_tied_are_told_apart(fitted):
    with pytest.warns(ExtrapolationWarning, match="lambda_E and lambda_I were equal"):
        fitted.rollout(None, {**POINT, "lambda_I": 6.0}, "1 s")


@pytest.mark.filterwarnings("default:states left the region")
def test_states_that_are_clipped_are_counted_and_said(fitted, network):
    point = {n: network[n].values[:1] for n in fitted.parameters}
    start = fitted.rollout(network.isel(sample=[0]), point, "1 s")
    far = {n: start[n].values[:, 0] for n in fitted.states}
    far["V_E_1"] = far["V_E_1"] + 1e3
    with pytest.warns(
        ExtrapolationWarning, match="clipped, in so many of the steps of the worst sample: .*V_E_1"
    ):
        out = fitted.rollout(far, point, "0.1 s")
    assert int(out["clipped"][0]) > 0
    assert np.isfinite(out["V_E_1"]).all()


def test_a_stochastic_surrogate_has_no_kernel(fitted):
    with pytest.raises(ValueError, match="is stochastic: it has no fixed points"):
        fitted.kernel()


# --- training ---


def weights(surrogate):
    return torch.cat([p.flatten() for p in surrogate.module.state_dict().values()])


def test_training_lowers_the_loss_and_repeats(fitted, network):
    first, last = fitted.history[0], fitted.history[-1]
    assert [h["kind"] for h in fitted.history] == ["likelihood", "free-run"]
    barely = sns.fit(SMALL, network, schedule=(Likelihood(steps=1, records=4, pairs=8),))
    assert first["log_loss"] < barely.history[-1]["log_loss"] - 10
    assert last["log_loss"] < first["log_loss"] + 1  # free runs keep what was learned
    plan = (Likelihood(steps=5, records=4, pairs=8), FreeRun(steps=2, horizon=5, starts=4))
    a, b, c = (sns.fit(SMALL, network, schedule=plan, seed=s) for s in (1, 1, 2))
    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(c))


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("written", [2, 7])
def test_killed_training_goes_on_and_ends_the_same(network, tmp_path, monkeypatch, written):
    plan = (Likelihood(steps=5, records=4, pairs=8), FreeRun(steps=4, horizon=5, starts=4))
    whole = sns.fit(SMALL, network, schedule=plan, seed=1)
    monkeypatch.setattr("snnsurrogate.surrogate._loop.CHECKPOINT_SECONDS", 0.0)
    left, real = written, _checkpoint.write

    def write_then_die(*args):
        nonlocal left
        real(*args)
        left -= 1
        if not left:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint, "write", write_then_die)
        with pytest.raises(Killed):
            sns.fit(SMALL, network, schedule=plan, seed=1, out=tmp_path / "s")
    resumed = sns.fit(SMALL, network, schedule=plan, seed=1, out=tmp_path / "s")
    assert torch.equal(weights(whole), weights(resumed))


def test_stages_of_the_other_kind_are_refused_before_training(network, decay):
    with pytest.raises(ValueError, match="'adam' does not train this model"):
        sns.fit(SMALL, network, schedule=(Likelihood(steps=1), sns.models.Adam(steps=1)))
    with pytest.raises(ValueError, match="'likelihood' does not train this model"):
        sns.fit(sns.models.RecurrentMap(), decay, schedule=(Likelihood(steps=1),))
    with pytest.raises(ValueError, match="'free-run' does not train this model: event-map"):
        sns.fit(sns.models.EventMap(), network, schedule=(FreeRun(steps=1),))
    with pytest.raises(ValueError, match="expected a multiple of `every`"):
        sns.fit(SMALL, network, schedule=(FreeRun(steps=1, horizon=7),))
    with pytest.raises(ValueError, match="records of 5001 points; the longest has 1001"):
        sns.fit(SMALL, network, schedule=(FreeRun(steps=1, horizon=5000),))


def test_one_parameter_point_trains_without_conditioning(network):
    same = schema.select(network, [0])
    surrogate = sns.fit(SMALL, same, schedule=(Likelihood(steps=3, pairs=16),))
    assert surrogate.parameters == ()
    module, q = surrogate.module, torch.zeros(2, 0)
    assert module.step(torch.zeros(2, 18), q, torch.zeros(2, 18)).shape == (2, 18)


def test_settings_that_cannot_be(network):
    with pytest.raises(ValueError, match="hidden is 0; expected a whole number above 0"):
        sns.fit(sns.models.PopulationMap(hidden=0), network)
