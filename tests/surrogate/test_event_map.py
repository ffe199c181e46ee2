"""EventMap: rows of events, its densities, both loops, training, bad input."""

import json

import numpy as np
import pytest
import torch
from scipy import stats

import snnsurrogate as sns
from snnsurrogate import features, schema
from snnsurrogate.surrogate import (
    ExtrapolationWarning,
    _event_kernel,
    _event_rollout,
    _layout,
    coarse,
    events,
)
from snnsurrogate.surrogate.models._event_module import Phase
from snnsurrogate.surrogate.training_data import TrainingData

SMALL = sns.models.EventMap(hidden=16, conditioning=8, components=2)
SHORT = (sns.models.Likelihood(steps=250, records=12, pairs=32, learning_rate=(1e-2, 1e-3)),)
POINT = {"tau_EE": 2.5, "lambda_E": 6.5, "lambda_I": 6.5}
pytestmark = [
    pytest.mark.filterwarnings("ignore:numbers left the region"),
    pytest.mark.filterwarnings("ignore:the record of .* is short for regimes"),
]


@pytest.fixture(scope="module")
def data(network):
    return TrainingData.of(network, view="events")


@pytest.fixture(scope="module")
def fitted(network):
    return sns.fit(SMALL, network, schedule=SHORT, seed=3)


@pytest.fixture(scope="module")
def perturbed(network):
    return sns.perturbed_events(network, 40, seed=2, progress=False)


def points(ds, samples):
    return {n: ds[n].values[samples] for n in ("tau_EE", "lambda_E", "lambda_I")}


# --- rows ---


def test_events_are_those_of_the_detector(network):
    table = features.events(network, detector="crossing")
    ends = np.cumsum(table["event_count"].values)
    n = events.counts(network, slice(None))
    for i, last in enumerate(ends):
        first = last - int(table["event_count"][i])
        begin, end = events.found_in(n[i, 0], float(n[i, 0, 1:].mean()))
        inner = (begin > 2) & (end < network.sizes["time"] - 4)  # the ends are read differently
        onset, duration = (table[k].values[first:last] for k in ("onset", "duration"))
        assert set(zip(begin[inner], end[inner], strict=True)) <= set(
            zip(onset, onset + duration, strict=True)
        )


def test_rows_hold_every_spike_once(network):
    """Events, tails and intervals of a record are all spikes from its first to its last onset."""
    i, places = 3, events.Places.of([c.name for c in events.columns(network)])
    rows, _ = events.cycles(network.isel(sample=[i]))
    begin, end = events.found_in(*_counts_and_level(network, i))
    assert (begin[1:] >= end[:-1] + events.TAIL).all()
    n = events.counts(network, [i])[0]
    numbers = rows[:, places.event.start : places.interval.stop].astype(float)
    for q in range(2):
        spikes = np.floor(numbers[:, [1 + q, 3 + q, 6 + q]] ** 2 + 1e-3).sum()
        assert spikes == n[q, begin[0] + 1 : begin[-1] + 1].sum()
    ms = np.floor(np.exp(numbers[:, [0, 5]]) + 1e-4).sum(axis=1) - 1
    np.testing.assert_array_equal(ms + events.TAIL, np.diff(begin))
    np.testing.assert_allclose(rows[1:, places.before], rows[:-1, places.following])
    np.testing.assert_allclose(rows[:, places.shares].sum(axis=1), 2.0, rtol=1e-4)


def _counts_and_level(ds, i):
    n = events.counts(ds, [i])[0, 0]
    return n, float(n[1:].mean())


def test_a_state_is_that_of_the_record(network):
    x = events.states(network, slice(None))
    names = [c.name for c in events.state_columns(network)]
    kicks = 75 * x[..., names.index("H_EE")].astype(float) ** 2
    np.testing.assert_allclose(kicks, network["H_EE"], atol=1e-2)
    five = coarse.values(network)
    columns = [c.name for c in coarse.columns(network)]
    for name in ("V_E_1", "V_I_5"):
        np.testing.assert_allclose(
            x[..., names.index(name)], five[..., columns.index(name)], atol=1e-5
        )


def test_a_row_belongs_to_its_parameters(network, data):
    assert data.length.sum() == len(data.x) == len(events.cycles(network)[0])
    assert len(data.p) == 12
    drive = data.x[data.begin[0] : data.begin[0] + data.length[0], events.Places(22).level]
    assert np.ptp(drive) == 0, "one record, one mean count"


# --- densities ---


def phase(components, *, sizes=(4, 3), deterministic=False):
    torch.manual_seed(components)
    made = Phase(*sizes, 8, components, deterministic=deterministic)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(0.4 * torch.randn(p.shape))
    c = {k: 0.3 * torch.randn(1, width) for k, width in made.widths(8).items()}
    c["number"] = c["numbers"]
    return made, c


def test_one_component_is_a_normal_density_of_state_given_numbers():
    made, c = phase(1)
    x, v, y = torch.randn(1, 4), torch.randn(1, 3), torch.randn(1, 4)
    with torch.no_grad():
        got = float(made.log_likelihood(x, c, v, y))
        expected = 0.0
        for law, tie, value in zip(
            made.laws(x, c, v), (made.number_tie, made.state_tie), (v, y), strict=True
        ):
            _, mean, sd = (a[0, 0].double().numpy() if a.ndim == 3 else a for a in law)
            root = np.diag(sd) @ (np.tril(tie[0].numpy(), -1) + np.eye(len(sd)))
            expected += stats.multivariate_normal(mean, root @ root.T).logpdf(value[0].numpy())
    assert got == pytest.approx(expected, rel=1e-4)


def test_compiled_draws_have_the_density_of_the_likelihood():
    """Of one number and one state: shares of draws in cells of the plane against integrals."""
    made, c = phase(3, sizes=(1, 1))
    x = torch.tensor([[0.3]])
    weights = _event_kernel.folded(made, c)
    random, size = np.random.default_rng(0), 20_000
    v, y = np.empty((size, 1)), np.empty((size, 1))
    for i in range(size):
        _event_kernel.draw(x[0].double().numpy(), weights, random, False, v[i], y[i])
    edges = [np.quantile(a, [0.01, 0.2, 0.4, 0.6, 0.8, 0.99]) for a in (v, y)]
    seen = np.histogram2d(v[:, 0], y[:, 0], edges)[0] / size
    for i in range(5):
        for j in range(5):
            grids = [np.linspace(e[k], e[k + 1], 41) for e, k in zip(edges, (i, j), strict=True)]
            middle = [(g[1:] + g[:-1]) / 2 for g in grids]
            at = [torch.as_tensor(a.reshape(-1, 1), dtype=torch.float32)
                  for a in np.meshgrid(*middle)]  # fmt: skip
            several = {k: p.expand(1600, -1) for k, p in c.items()}
            with torch.no_grad():
                p = made.log_likelihood(x.expand(1600, -1), several, *at).double().exp().mean()
            area = np.prod([e[k + 1] - e[k] for e, k in zip(edges, (i, j), strict=True)])
            error = np.sqrt(seen[i, j] / size) + 1e-5
            assert seen[i, j] == pytest.approx(float(p) * area, abs=4.5 * error + 2e-4)


def test_a_deterministic_draw_is_the_mean_of_the_module():
    made, c = phase(1, deterministic=True)
    x = torch.randn(1, 4)
    v, y = np.empty(3), np.empty(4)
    random = np.random.default_rng(0)
    _event_kernel.draw(x[0].double().numpy(), _event_kernel.folded(made, c), random, True, v, y)
    with torch.no_grad():
        (_, first, _), (_, second, _) = made.laws(x, c, torch.zeros(1, 3))
    np.testing.assert_allclose(v, first[0, 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(y, second[0, 0], rtol=1e-4, atol=1e-5)


def test_a_deterministic_map_is_scored_by_the_squared_error_of_whole_numbers(data):
    outline = _layout.outline(data)
    model = sns.models.EventMap(hidden=8, conditioning=4, deterministic=True)
    module = model.build(_layout.layout(outline, data.scaling()), generator_seed=0)
    scaling, at = data.scaling(), events.Places(22)
    k = at.event.start + 1  # root of the size
    a, b = (
        module._physical(torch.tensor([[z]]), slice(k, k + 1)).item()
        for z in ((np.sqrt(n) - scaling.mean[k]) / scaling.sd[k] for n in (50.0, 30.0))
    )
    typical = 2 * scaling.mean[k] * scaling.sd[k] + scaling.sd[k] ** 2
    assert a - b == pytest.approx(20.0 / typical, rel=1e-4)


@pytest.mark.parametrize("duration", [1, 2, 7, 23])
def test_spikes_of_an_event_are_all_written(duration):
    reached = np.stack([np.linspace(0, 1, 11) ** 2, np.linspace(0, 1, 11)])
    counts, inside = np.zeros((2, 40), np.int64), np.zeros(40, np.int8)
    numbers = np.array([duration, 101, 33, 3, 1])
    counts[:, 4] = 7
    at = _event_kernel.spread_event(numbers, reached, 30, 9, 5, 2, counts, inside)
    assert at == 5 + duration + 2
    np.testing.assert_array_equal(np.flatnonzero(inside), np.arange(5, 5 + duration))
    np.testing.assert_array_equal(counts[:, 5 : 5 + duration].sum(1), [101, 33])
    np.testing.assert_array_equal(counts[:, at - 2 : at].sum(1), [3, 1])
    if duration > 2:
        assert counts[0, 4:7].sum() >= 30, "else the event would not begin there"
        assert counts[0, at - 3 : at].sum() <= 9, "else it would not end there"


# --- rollouts ---


@pytest.fixture(scope="module", params=["full", "hybrid"])
def run(fitted, network, request):
    return fitted.rollout(None, points(network, slice(6)), "5 s", seed=7, loop=request.param)


def test_a_rollout_is_a_network_dataset_that_every_feature_reads(run):
    assert schema.violations(run) == []
    assert run.attrs["kind"] == "rollout"
    assert schema.series_of(run) == ["rate_E", "rate_I", "event"]
    assert sns.regimes(run).sizes == {"sample": 6}
    table = features.summary(run)
    np.testing.assert_allclose(table["rate_E"], run["rate_E"][:, 1:].mean("time"), rtol=1e-3)
    for q, size in (("E", 75), ("I", 25)):
        counts = run[f"rate_{q}"].values.astype(float) * size * 1e-3
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
        assert counts.min() >= 0


def test_events_and_rates_are_about_those_of_the_network(run, network):
    # twelve records of one second and 250 updates: not a good surrogate, but one of this network
    truth = network.isel(sample=slice(6))
    for q, tolerance in (("E", 0.4), ("I", 0.25)):
        rates = [float(ds[f"rate_{q}"].mean()) for ds in (run, truth)]
        assert rates[0] == pytest.approx(rates[1], rel=tolerance)
    told = features.event_summary(features.events(run, detector="stated"))
    true = features.event_summary(features.events(truth, detector="crossing"))
    for name in ("event_duration", "event_size_E", "event_interval"):
        assert float(told[name].mean()) == pytest.approx(float(true[name].mean()), rel=0.4), name


def test_stated_events_are_a_table_like_that_of_the_truth(run):
    told = features.events(run, detector="stated")
    inside = run["event"].values[:, 1:]
    sizes = run["rate_E"].values[:, 1:] * 0.075 * inside
    ends = np.cumsum(told["event_count"].values)
    for i, last in enumerate(ends):
        first = last - int(told["event_count"][i])
        begin = int(told["onset"][first])
        stop = int(told["onset"][last - 1] + told["duration"][last - 1])
        total = float(told["size_E"][first:last].sum())
        assert total == pytest.approx(sizes[i, begin:stop].sum(), rel=1e-4)
    with pytest.raises(features.NotRecordedError, match="use 'crossing'"):
        features.events(run.drop_vars("event"), detector="stated")


def test_the_same_seed_is_the_same_run_alone_and_among_others(fitted, network, run):
    loop = run.attrs["method"].split()[2]
    alone = fitted.rollout(None, points(network, slice(1)), "1 s", seed=7, loop=loop)
    if loop == "full":  # a hybrid run simulates up to the end of the record: pieces of it differ
        np.testing.assert_array_equal(alone["rate_E"][0], run["rate_E"][0, :1001])
    again = fitted.rollout(None, points(network, slice(3)), "1 s", seed=7, loop=loop)
    np.testing.assert_array_equal(alone["rate_I"][0], again["rate_I"][0])
    other = fitted.rollout(None, points(network, slice(1)), "1 s", seed=8, loop=loop)
    assert not np.array_equal(other["rate_E"], alone["rate_E"])


def test_a_hybrid_interval_ends_where_the_simulation_reaches_the_level(fitted, network):
    out = fitted.rollout(None, points(network, slice(1)), "3 s", loop="hybrid")
    n = np.rint(out["rate_E"].values[0, 1:] * 0.075)
    maps = _event_rollout._Maps(fitted)
    level = maps.at(np.array([float(network[k][0]) for k in fitted.parameters]))[2]
    inside = out["event"].values[0, 1:]
    begin = np.flatnonzero(np.diff(inside) == 1) + 1
    sums = np.convolve(n, np.ones(3), "same")
    before = [sums[a - 2 : a - 1].max() for a in begin[1:]]
    assert max(before) < 4.5 * np.exp(level) * 75, "else it had begun earlier"


def test_saved_and_loaded_it_runs_the_same(fitted, tmp_path):
    loaded = sns.load(fitted.save(tmp_path / "s"))
    a, b = (s.rollout(None, POINT, "1 s", seed=2) for s in (fitted, loaded))
    np.testing.assert_array_equal(a["rate_E"], b["rate_E"])
    assert loaded.model == SMALL
    assert loaded.card["training"]["data"]["pairs"] > 300


def test_numbers_far_outside_are_clipped_and_counted(fitted):
    x = np.full(22, 50.0)
    maps = _event_rollout._Maps(fitted)
    event, _, _ = maps.at(np.array([2.5, 6.5, 6.5]))
    clipped, numbers, after = np.zeros(27, np.int64), np.zeros(5, np.int64), np.empty(22)
    random = np.random.default_rng(0)
    _event_kernel.event_step(x, event, maps.of_event, random, False, clipped, numbers, after)
    assert clipped.sum() > 0
    assert (after <= maps.of_event[5]).all()
    assert (after >= maps.of_event[4]).all()


@pytest.mark.filterwarnings("default:numbers left the region")
def test_a_sample_that_is_clipped_all_the_time_is_said_among_others(fitted, monkeypatch):
    own = _event_rollout._Maps.at

    def moved(maps, p):  # far outside, but only for one of the samples
        event, interval, level = own(maps, p)
        if p[0] == 2.0:
            event = (*event[:14], event[14] + 50.0, event[15])  # shift of the state after
        return event, interval, level

    monkeypatch.setattr(_event_rollout._Maps, "at", moved)
    many = POINT | {"tau_EE": [2.5] * 20 + [2.0]}
    with pytest.warns(ExtrapolationWarning, match="of the worst sample"):
        out = fitted.rollout(None, many, "1 s")
    np.testing.assert_array_equal(out["status"], [0] * 20 + [schema.FLAGS["diverged"]])
    assert np.isnan(out["rate_E"].values[-1]).all()
    assert np.isfinite(out["rate_E"].values[:-1]).all()


@pytest.mark.parametrize("loop", ["full", "hybrid"])
def test_a_deterministic_map_runs_in_both_loops(network, loop):
    model = sns.models.EventMap(hidden=8, conditioning=4, deterministic=True, loop=loop)
    surrogate = sns.fit(model, network, schedule=SHORT, seed=1)
    out = surrogate.rollout(None, POINT, "2 s")
    told = features.events(out, detector="stated")
    assert int(told["event_count"][0]) > 5
    if loop == "full":  # a map without noise ends in a cycle
        assert len(np.unique(told["duration"].values[-20:])) <= 3


# --- perturbed states ---


def test_perturbed_states_are_more_training_data(network, perturbed):
    assert schema.violations(perturbed) == []
    assert json.loads(perturbed.attrs["record"]) == ["histograms"]
    i = 0
    same = np.flatnonzero(network["tau_EE"].values == float(perturbed["tau_EE"][i]))[0]
    n = events.counts(network, [same])[0, 0, 1:]
    assert float(perturbed[events.LEVEL][i]) == pytest.approx(n.mean())
    both = TrainingData.of([network, perturbed], view="events")
    alone = TrainingData.of(network, view="events")
    assert both.names == alone.names
    assert len(both.p) == len(alone.p)
    assert len(alone.x) + 10 < len(both.x) < len(alone.x) + 3 * 40
    surrogate = sns.fit(SMALL, [network, perturbed], schedule=(sns.models.Likelihood(steps=5),))
    assert len(surrogate.card["training"]["data"]["content_hash"]) == 2


def test_perturbed_states_are_where_the_runs_start(network, perturbed):
    """Moved away from the record, but whole cells: all are in a bin or refractory."""
    total = perturbed["V_E"].values[:, 0].sum(-1) + perturbed["R_E"].values[:, 0]
    np.testing.assert_array_equal(total, 75)
    again = sns.perturbed_events(network, 40, seed=2, progress=False)
    np.testing.assert_array_equal(again["H_EI"], perturbed["H_EI"])
    with pytest.raises(ValueError, match="whole number of runs"):
        sns.perturbed_events(network, 0)
    with pytest.raises(ValueError, match="more than 120 ms"):
        sns.perturbed_events(network, 5, duration="100 ms")


# --- bad input ---


def test_a_record_without_events_names_the_map_that_needs_none(network):
    silent = network.copy(deep=True)
    silent["rate_E"][2] = 1e3 / 75  # one spike in every bin
    with pytest.raises(ValueError, match=r"samples \[2\] hold fewer than two .*PopulationMap"):
        sns.fit(SMALL, silent)
    with pytest.raises(ValueError, match="no record holds three"):
        sns.perturbed_events(silent.isel(sample=[2]), 1)


def test_datasets_that_cannot_be_read_say_what_is_missing(network):
    with pytest.raises(ValueError, match=r"lacks .*record=\['histograms'\]"):
        sns.fit(SMALL, network.drop_vars("V_I"))
    slow = network.isel(time=slice(None, None, 2)).copy(deep=True)
    slow.attrs["record_every"] = "2 ms"
    with pytest.raises(ValueError, match="record_every='1 ms'"):
        sns.fit(SMALL, slow)
    broken = network.copy(deep=True)
    broken["H_EE"][4] = np.nan
    with pytest.raises(ValueError, match="'H_EE' is not finite in sample 4"):
        sns.fit(SMALL, broken)


def test_what_a_rollout_does_not_take(fitted, network):
    with pytest.raises(ValueError, match="pass initial=None"):
        fitted.rollout(network, points(network, slice(12)), "1 s")
    with pytest.raises(ValueError, match="Did you mean 'hybrid'"):
        fitted.rollout(None, POINT, "1 s", loop="hybrit")
    assert schema.series_of(fitted.rollout(None, POINT, "1 s", record=["rate_E"])) == [
        "rate_E", "rate_I",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="record names 'lfp'"):
        fitted.rollout(None, POINT, "1 s", record=["lfp"])
    with pytest.warns(ExtrapolationWarning, match="tau_EE leaves"):
        fitted.rollout(None, POINT | {"tau_EE": 6.0}, "1 s")
    with pytest.raises(ValueError, match="tau_EE leaves.*strict=True"):
        fitted.rollout(None, POINT | {"tau_EE": 6.0}, "1 s", strict=True)


def test_settings_are_checked(network):
    for wrong in ({"loop": "half"}, {"hidden": 0}, {"deterministic": 1}, {"components": 1.5}):
        with pytest.raises(ValueError, match="expected"):
            sns.fit(sns.models.EventMap(**wrong), network)
