"""The Markovian integrate-and-fire network: its declaration, and the reference table."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import systems
from tests.exact_runs import run, task

KNOWN = json.loads((Path(__file__).parents[1] / "reference" / "markov_network.json").read_text())
REGIMES = {"Hom": "homogeneous", "Reg": "regular", "Syn": "synchronous"}
SECONDS = 20


def table(name):
    return {row.get("regime") or row["set"]: row for row in KNOWN["tables"][name]["rows"]}


@functools.cache
def piece(name, tau_R=None, seed=1):
    """20 s after 0.2 s; 2 s of computing."""
    model = systems.get(f"markov-if:{name}")
    parameters = {} if tau_R is None else {"tau_R": tau_R}
    return run(
        f"markov-if:{name}",
        parameters=parameters,
        duration=1e3 * SECONDS,
        transient=200.0,
        seed=seed,
    ), model


def statistics(piece, model):
    """Rates in Hz, synchrony indices (the spike itself counted), fractions per 5 ms."""
    n_e = model.sizes(model.defaults)["E"]
    spikes = piece.spike_time[piece.spike_population == 0]
    found = dict(zip(("E", "I"), piece.series[:2, 1:].mean(axis=1), strict=True))
    for width in (1, 4):
        # Half-open: times on a grid would otherwise count one bin too many.
        near = np.searchsorted(spikes, spikes + width / 2 - 1e-6)
        near = near - np.searchsorted(spikes, spikes - width / 2 - 1e-6)
        found[f"SSI_{width}ms"] = near.mean() / n_e
    fraction = np.histogram(spikes, np.arange(0, 1e3 * SECONDS + 1, 5.0))[0] / n_e
    found["bin5ms_sd"] = fraction.std()
    found["bin5ms_p95"] = np.percentile(fraction, 95)
    rate = piece.series[0, 1:]
    windows = rate[: rate.size // 512 * 512].reshape(-1, 512)
    power = np.abs(np.fft.rfft(windows - rate.mean(), axis=1)) ** 2
    found["peak_frequency"] = np.fft.rfftfreq(512, 1e-3)[1 + power.mean(axis=0)[1:].argmax()]
    return found


class TestDeclaration:
    def test_parameters_equal_the_reference_file(self):
        defaults = systems.get("markov-if").defaults
        for name, entry in KNOWN["parameters_V1"].items():
            ours = {"NE": "N_E", "NI": "N_I", "Mr": "M_r"}.get(name, name)
            factor = 1e-3 if entry["unit"] == "1/s" else 1.0
            assert defaults[ours] == entry["value"] * factor, name

    @pytest.mark.parametrize("row", KNOWN["tables"]["taus"]["rows"])
    def test_presets_equal_the_reference_file(self, row):
        small = row["variant"] == "V2"
        name = ("small-" if small else "") + REGIMES[row["regime"]]
        values = systems.get(f"markov-if:{name}").defaults
        assert [values[key] for key in ("tau_EE", "tau_IE", "tau_I")] == [
            row["tau_EE"], row["tau_IE"], row["tau_I"],
        ]  # fmt: skip
        if small:
            for key, entry in KNOWN["parameters_V2"].items():
                if key in values:
                    assert values[key] == entry["value"]
            assert (values["N_E"], values["N_I"]) == (75, 25)

    def test_default_is_the_regular_network(self):
        assert systems.get("markov-if").defaults == systems.get("markov-if:regular").defaults

    def test_mean_gains(self):
        """C = N P S, inhibition at V = 50: the conventions of indices and sizes."""
        p = systems.get("markov-if").defaults
        share = (50 + p["M_r"]) / (p["M"] + p["M_r"])
        for name, factor in (("EE", 1), ("IE", 1), ("EI", share), ("II", share)):
            gain = p[f"N_{name[1]}"] * p[f"P_{name}"] * p[f"S_{name}"] * factor
            known = KNOWN["mean_gain_at_V50"][f"C_{name}"]
            assert gain == pytest.approx(known["value"], rel=known["tolerance"]["rel"])

    def test_parameters_take_quantities(self):
        model = systems.get("markov-if", lambda_E="7000 Hz", tau_R="0.0025 s")
        assert model.defaults["lambda_E"] == pytest.approx(7.0)
        assert model.defaults["tau_R"] == pytest.approx(2.5)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("P_EE", 1.1), ("P_II", -0.1), ("tau_I", -1.0), ("tau_EE", 0.0), ("tau_R", -1.0),
         ("N_E", 0.0), ("S_EI", -1.0), ("lambda_I", -1.0), ("M", 0.0)],
    )  # fmt: skip
    def test_impossible_values(self, name, value):
        with pytest.raises(ValueError, match=f"{name} is .*expected a value in"):
            systems.get("markov-if", **{name: value})

    def test_series(self):
        assert systems.get("markov-if").series_names == (
            "rate_E", "rate_I", "H_EE", "H_IE", "H_EI", "H_II", "R_E", "R_I",
        )  # fmt: skip


@pytest.mark.parametrize("row", KNOWN["tables"]["gate_V1"]["rows"], ids=lambda row: row["regime"])
def test_gate(row):
    """Rates within 2 %, synchrony within 5 % of an independent simulation."""
    found = statistics(*piece(REGIMES[row["regime"]]))
    assert found["E"] == pytest.approx(row["E"], rel=0.02)
    assert found["I"] == pytest.approx(row["I"], rel=0.02)
    assert found["SSI_1ms"] == pytest.approx(row["SSI_1ms"], rel=0.05)


@pytest.mark.parametrize(
    "row", KNOWN["tables"]["statistics_V1"]["rows"], ids=lambda row: row["regime"]
)
def test_statistics(row):
    found = statistics(*piece(REGIMES[row["regime"]]))
    columns = KNOWN["tables"]["statistics_V1"]["columns"]
    for name in ("SSI_4ms", "bin5ms_sd", "bin5ms_p95", "peak_frequency"):
        assert found[name] == pytest.approx(row[name], **columns[name]["tolerance"]), name


@pytest.mark.parametrize(
    ("known", "name", "tau_R"),
    [
        ("V2 Syn noref", "small-synchronous", None),
        ("V2 Reg noref", "small-regular", None),
        ("V2 Hom noref", "small-homogeneous", None),
        ("V2 N=100 Syn taus tau_R=2.5", "small-synchronous", 2.5),
    ],
)
def test_small_networks(known, name, tau_R):
    found = statistics(*piece(name, tau_R))
    row = table("rates_computed")[known]
    assert found["E"] == pytest.approx(row["E"][0], rel=0.03)
    assert found["I"] == pytest.approx(row["I"][0], rel=0.03)
    if row["SSI_1ms"]:
        assert found["SSI_1ms"] == pytest.approx(row["SSI_1ms"], rel=0.1)


def test_without_refractory_state():
    known = KNOWN["values"]["syn_E_rate_tau_R_zero"]
    found = statistics(*piece("synchronous", 0.0))
    assert found["E"] == pytest.approx(known["value"], **known["tolerance"])


def test_events_by_cause():
    """Runs of recurrently caused E spikes, split at gaps of 2 ms, at least 5 long.

    Few merged runs make the standard deviations: over runs of 10 s (the reference is one) that of
    the onsets is 11.1 +- 0.9 ms in the regular regime, that of the sizes 83 +- 6.
    """
    rows = KNOWN["tables"]["mfe_causal_rule_V1"]["rows"]
    for regime in ("Reg", "Syn"):
        row = next(r for r in rows if r["regime"] == regime and r["gap"] == 2)
        found, _ = piece(REGIMES[regime])
        e = found.spike_population == 0
        recurrent = found.spike_time[e & (found.spike_cause == 1)]
        groups = np.split(recurrent, np.flatnonzero(np.diff(recurrent) > 2) + 1)
        events = np.array([(group[0], group[-1]) for group in groups if group.size >= 5])
        assert len(events) / SECONDS == pytest.approx(row["rate"], rel=0.1)
        assert np.mean(events[:, 1] - events[:, 0]) == pytest.approx(row["duration"], rel=0.1)
        onsets = np.diff(events[:, 0])
        assert onsets.mean() == pytest.approx(row["inter_onset"][0], rel=0.1)
        assert onsets.std() == pytest.approx(row["inter_onset"][1], rel=0.25)
        for key, own in (("E_size", e), ("I_size", ~e)):  # all spikes within an event
            times = found.spike_time[own]
            sizes = np.searchsorted(times, events[:, 1], side="right")
            sizes = sizes - np.searchsorted(times, events[:, 0])
            assert sizes.mean() == pytest.approx(row[key][0], rel=0.1)
            assert sizes.std() == pytest.approx(row[key][1], rel=0.25)


def test_pending_kicks_balance():
    """In the stationary state kicks come as fast as they ring: H = rate * pairs * P * tau."""
    found, model = piece("regular")
    p = model.defaults
    means = dict(zip(model.series_names, found.series[:, 1:].mean(axis=1), strict=True))
    for name in ("EE", "IE", "EI", "II"):
        target, source = name
        tau = p["tau_I"] if source == "I" else p[f"tau_{name}"]
        kicks = (
            means[f"rate_{source}"]
            * 1e-3
            * p["N_E"]
            * p["N_I"]
            / p["N_I" if source == "E" else "N_E"]
        )
        expected = kicks * p[f"N_{target}"] * p[f"P_{name}"] * tau
        assert means[f"H_{name}"] == pytest.approx(expected, rel=0.01)
        refractory = means[f"rate_{source}"] * 1e-3 * p[f"N_{source}"] * p["tau_R"]
        assert means[f"R_{source}"] == pytest.approx(refractory, rel=0.01)


@pytest.mark.slow
@pytest.mark.brian
@pytest.mark.parametrize("name", ["synchronous", "small-synchronous"])
def test_brian2_at_the_default_step(name):
    """The fixed-step network is the exact one: rates, synchrony, causes, pending kicks, V."""
    from snnsurrogate.simulate import brian2_network

    exact, model = piece(name)
    truth = statistics(exact, model)
    engine = brian2_network.prepare(model, model.sizes(model.defaults), ("spikes", "histograms"))
    with engine.worker() as worker:
        own = engine.run(
            worker,
            task(model, duration=1e3 * SECONDS, transient=200.0),
            progress=lambda share: None,
        )
    found = statistics(own, model)
    assert found["E"] == pytest.approx(truth["E"], rel=0.02)
    assert found["I"] == pytest.approx(truth["I"], rel=0.02)
    for key in ("SSI_1ms", "SSI_4ms", "bin5ms_sd"):
        assert found[key] == pytest.approx(truth[key], rel=0.06), key
    causes = [p.spike_cause[p.spike_population == 0].mean() for p in (own, exact)]
    assert causes[0] == pytest.approx(causes[1], rel=0.02)
    np.testing.assert_allclose(
        own.series[2:, 1:].mean(axis=1), exact.series[2:, 1:].mean(axis=1), rtol=0.03
    )
    for key in ("V_E", "V_I"):
        shapes = [p.histograms[key].sum(axis=0) / p.histograms[key].sum() for p in (own, exact)]
        assert np.abs(shapes[0] - shapes[1]).sum() < 0.03
