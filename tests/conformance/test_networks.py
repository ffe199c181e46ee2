"""Every registered network: declaration, presets, a short run, the same seed again. No list."""

import re

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import schema, systems, units

pytestmark = pytest.mark.brian
NAMES = systems.names("network")
SHORT = {"duration": "60 ms", "record_every": "1 ms", "transient": "20 ms", "processes": 1}


@pytest.fixture(params=NAMES)
def network(request) -> systems.Network:
    return systems.get(request.param)


def one(network):
    """A design of one point: the defaults."""
    name = network.swept or network.parameter_names[0]
    return sns.Design.points({name: [network.defaults[name]]})


def test_declaration_is_complete(network):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", network.name)
    assert len(network.source) > 20
    for item in network.parameters:
        assert item.meaning
        assert np.isfinite([item.low, item.high]).all()
        assert item.low < item.high
        units.base_unit(item.unit)
    for item in network.series:
        assert item.meaning
        units.si_factor(item.unit)
    assert units.seconds(network.dt, what="dt") > 0
    for name in network.presets:
        preset = systems.get(f"{network.name}:{name}")
        assert preset.equations_hash == network.equations_hash
        assert all(size >= 1 for size in preset.sizes(preset.defaults).values())


def test_parameters_are_used(network):
    text = "\n".join(
        [
            network.equations,
            *(p.start for p in network.populations),
            *(p.size for p in network.populations),
        ]
    )
    unused = [n for n in network.parameter_names if not re.search(rf"\b{n}\b", text)]
    assert unused == []


def test_a_short_run_and_its_repetition(network):
    design = one(network)
    ds = sns.simulate(network, design, seed=1, **SHORT)
    assert schema.violations(ds, content=True) == []
    assert schema.ok(ds).all()
    for name in network.series_names:
        assert np.isfinite(ds[name].values).all()
    sizes = network.sizes(network.defaults)
    table = schema.spike_table(ds, 0)
    assert table["time"].size > 0
    for k, size in enumerate(sizes.values()):
        mine = table["population"] == k
        assert table["neuron"][mine].max(initial=0) < size
        rate = ds[network.series_names[k]].values[0, 1:].sum() * size * 1e-3
        assert rate == pytest.approx(mine.sum(), rel=1e-5)
    again = sns.simulate(network, design, seed=1, **SHORT)
    assert again.attrs["content_hash"] == ds.attrs["content_hash"]
    other = sns.simulate(network, design, seed=2, **SHORT)
    assert other.attrs["content_hash"] != ds.attrs["content_hash"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if systems.get(n).exact])
def test_both_engines_agree(name):
    """Mean rates of the law and of the fixed step at the defaults, within five standard errors."""
    network = systems.get(name)
    found = {}
    for engine in ("exact", "brian2"):
        ds = sns.simulate(
            network,
            one(network),
            duration="4 s",
            record_every="1 ms",
            transient="200 ms",
            engine=engine,
            record=[],
        )
        rates = np.stack([ds[f"rate_{p}"].values[0, 1:] for p in network.population_names])
        found[engine] = rates.reshape(len(rates), 20, -1).mean(axis=2)  # 20 blocks of 200 ms
    apart = found["exact"].mean(axis=1) - found["brian2"].mean(axis=1)
    error = np.sqrt(sum(blocks.var(axis=1, ddof=1) / 20 for blocks in found.values()))
    assert (abs(apart) < 5 * error).all()
    assert (error < 0.05 * found["exact"].mean(axis=1)).all(), "the comparison means something"
