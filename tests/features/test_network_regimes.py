import re
import warnings

import numpy as np
import pytest

from snnsurrogate import features
from snnsurrogate.features.regimes import RULES, brunel, synchrony

SIZES = {"E": 300, "I": 100}
LONG = 10_000.0


def names(labels):
    meanings = labels.attrs["flag_meanings"].split()
    return [meanings[code + 1] for code in labels.values]


def modulated(networks, rng, chi, *, rate=25.0, duration=LONG):
    """Poisson cells whose rate is modulated so that 5 ms counts have this chi: square waves."""
    # 5 ms on, then off, in whole bins: chi^2 = (1 - p) / p for a share p of bins that fire
    times, cells = networks.poisson(rng, size=300, rate=rate, duration=duration)
    bins = int(duration / 5)
    p = 1 / (1 + chi**2)
    on = rng.permutation(np.arange(bins) < round(p * bins))
    kept = on[np.minimum((times / 5.0).astype(int), bins - 1)]
    return times[kept], cells[kept]


@pytest.mark.parametrize(
    ("chi", "name"),
    [
        (0.3, "homogeneous"),
        (0.45, "ambiguous"),
        (0.6, "regular"),
        (0.8, "regular"),
        (1.0, "ambiguous"),
        (1.3, "synchronous"),
        (2.5, "synchronous"),
    ],
)
def test_synchrony_rule_at_known_chi(networks, chi, name):
    rng = np.random.default_rng(1)
    made = networks.dataset([{"E": modulated(networks, rng, chi)}], sizes=SIZES, duration=LONG)
    found = features.regimes(made)
    assert names(found) == [name]
    assert found["regime_chi"].item() == pytest.approx(chi, rel=0.05)
    table = features.summary(made).assign(regime=found)  # one table: no name is used twice
    assert found["regime_chi"].item() == table["chi"].item()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0.0, synchrony.HOMOGENEOUS),
        (0.404, synchrony.HOMOGENEOUS),
        (0.406, synchrony.AMBIGUOUS),
        (0.494, synchrony.AMBIGUOUS),
        (0.496, synchrony.REGULAR),
        (0.899, synchrony.REGULAR),
        (0.901, synchrony.AMBIGUOUS),
        (1.099, synchrony.AMBIGUOUS),
        (1.101, synchrony.SYNCHRONOUS),
    ],
)
def test_edges_of_the_synchrony_rule(value, code):
    assert synchrony.classify(value) == code


def test_classes_of_an_array_of_chi():
    codes = features.synchrony_class([[0.2, 0.449, 0.45], [0.999, 1.0, np.nan]])
    names = np.array([*RULES["synchrony"].names, "missing"])
    assert names[codes].tolist() == [
        ["homogeneous", "homogeneous", "regular"],
        ["regular", "synchronous", "missing"],
    ]


def test_quiet_and_failed_networks(networks):
    rng = np.random.default_rng(2)
    alive = modulated(networks, rng, 1.5)
    early = alive[0] < 0.45 * LONG
    samples = [
        {},
        {"E": [10.0, 5000.0, 9000.0]},  # three spikes of 300 cells in 10 s
        {"E": (alive[0][early], alive[1][early])},  # dies out
        {"E": alive},
        {"E": alive},
        {"E": networks.poisson(rng, size=300, rate=0.3, duration=LONG)},  # too few for chi
    ]
    made = networks.dataset(samples, sizes=SIZES, duration=LONG, status=[0, 0, 0, 0, 4, 0])
    found = features.regimes(made)
    expected = ["quiescent"] * 3 + ["synchronous", "missing", "ambiguous"]
    assert names(found) == expected
    assert found.values[4] == features.MISSING
    assert np.isnan(found["regime_chi"].values[[0, 4]]).all()


def test_a_short_record_warns(networks):
    rng = np.random.default_rng(3)
    spikes = modulated(networks, rng, 1.5, duration=4000.0)
    made = networks.dataset([{"E": spikes}], sizes=SIZES, duration=4000.0)
    with pytest.warns(UserWarning, match="record of 4 s is short.*10 s or more"):
        found = features.regimes(made)
    assert names(found) == ["synchronous"]


def test_truth_and_surrogate_are_read_alike(networks):
    rng = np.random.default_rng(4)
    spikes = {"E": modulated(networks, rng, 0.7)}
    full = networks.dataset([spikes], sizes=SIZES, duration=LONG)
    bare = networks.dataset([spikes], sizes=SIZES, duration=LONG, keep=False)
    assert features.regimes(full).identical(features.regimes(bare))


def brunel_like(networks, rng, *, synchronous, irregular, duration=3000.0):
    """Caricatures of the four states: 400 cells at 25 Hz."""
    size, period = 400, 40.0
    if irregular:
        times, cells = networks.poisson(
            rng, size=size, rate=25, duration=duration,
            modulation=1.0 if synchronous else 0.0, frequency=25.0,
        )  # fmt: skip
        return {"E": (times, cells)}
    phase = 0.0 if synchronous else rng.uniform(0, period, size)
    onsets = np.arange(0.0, duration - 2 * period, period)
    times = period + onsets[:, None] + phase + rng.normal(0, 1.0, (onsets.size, size))
    cells = np.broadcast_to(np.arange(size), times.shape)
    order = np.argsort(times, axis=None)
    return {"E": (times.ravel()[order], cells.ravel()[order])}


@pytest.mark.parametrize("state", ["SR", "SI", "AR", "AI"])
def test_brunel_states(networks, state):
    rng = np.random.default_rng(5)
    sample = brunel_like(networks, rng, synchronous=state[0] == "S", irregular=state[1] == "I")
    made = networks.dataset([sample], sizes={"E": 400}, duration=3000.0, rule="brunel")
    found = features.regimes(made)
    assert names(found) == [state]
    assert features.regime_names(made) == ("quiescent", "SR", "SI", "AR", "AI", "ambiguous")
    assert found["regime_isi_cv"].item() == features.summary(made)["isi_cv_E"].item()
    if state == "SI":  # m / sqrt(2), m = 1
        assert found["regime_cycle_cv"].item() == pytest.approx(0.707, rel=0.1)
    if state[0] == "A":
        assert found["regime_cycle_cv"].item() < 0.25  # 400 cells at random phases are no continuum


@pytest.mark.parametrize(
    ("synchrony", "irregularity", "code"),
    [
        (0.7, 0.01, brunel.SR),
        (0.85, 1.0, brunel.SI),
        (0.3, 0.01, brunel.AR),
        (0.32, 0.45, brunel.AI),
        (0.52, 0.8, brunel.AMBIGUOUS),
        (0.1, 0.31, brunel.AMBIGUOUS),
        (0.1, np.nan, brunel.AMBIGUOUS),
    ],
)
def test_edges_of_the_brunel_rule(synchrony, irregularity, code):
    assert brunel.classify(synchrony, irregularity) == code


def test_brunel_rule_of_quiet_networks(networks):
    rng = np.random.default_rng(6)
    few = networks.poisson(rng, size=400, rate=0.5, duration=3000.0)
    made = networks.dataset(
        [{}, {"E": few}], sizes={"E": 400}, duration=3000.0, rule="brunel", status=[0, 0]
    )
    assert names(features.regimes(made)) == ["quiescent", "ambiguous"]
    bare = made.drop_vars("spike_neuron")
    with pytest.raises(ValueError, match="which cell fired"):
        features.regimes(bare)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_described(name):
    rule = RULES[name]
    assert rule.name == name
    assert rule.names[0] == "quiescent"
    assert len(set(rule.names)) == len(rule.names)
    assert all(re.fullmatch(r"\w+", n) for n in rule.names)
    assert rule.comment


def test_the_rule_is_chosen_by_the_dataset(networks, sherman):
    cells = sherman([-40.0, -28.0], duration=60.0, transient=40.0)
    assert features.regime_names(cells) == features.REGIMES
    assert features.regimes(cells).attrs["rule"] == "firing"
    made = networks.dataset([{"E": [5.0]}], sizes=SIZES, duration=LONG)
    assert features.regime_names(made)[1:4] == ("homogeneous", "regular", "synchronous")
    flags = features.regimes(made).attrs
    assert flags["flag_values"].tolist() == [-1, 0, 1, 2, 3, 4]
    assert flags["flag_meanings"].split()[0] == "missing"
    made.attrs["regime_rule"] = "synchroni"
    with pytest.raises(ValueError, match=r"no regime rule 'synchroni'.*Did you mean 'synchrony'"):
        features.regimes(made)
    made.attrs["regime_rule"] = ""
    with pytest.raises(ValueError, match="names no rule for regimes"):
        features.regimes(made)
    cells.attrs["regime_rule"] = "synchrony"
    with pytest.raises(ValueError, match="holds single cells"):
        features.regimes(cells)
    made.attrs["regime_rule"] = "synchrony"
    with pytest.raises(TypeError, match="lyapunov"):
        features.regimes(made, lyapunov=[0.0])


def test_measures_stay_with_their_samples(networks):
    rng = np.random.default_rng(7)
    samples = [{"E": modulated(networks, rng, c)} for c in (0.3, 1.4)]
    made = networks.dataset(samples, sizes=SIZES, duration=LONG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = features.regimes(made)
    assert found["drive"].values.tolist() == [0.0, 1.0]
    assert found["regime_chi"].dims == ("sample",)
    assert (found["regime_chi"].diff("sample") > 0).all()
