"""Runs of the small Markov network (100 cells) for tests of scores and pages."""

import functools

import numpy as np

import snnsurrogate as sns
from snnsurrogate import schema

PRESETS = ("small-homogeneous", "small-regular", "small-synchronous")


def design():
    """The three presets of the small network."""
    network = sns.systems.get("markov-if")
    names = network.presets[PRESETS[0]]
    return sns.Design.points({n: [network.presets[p][n] for p in PRESETS] for n in names})


@functools.cache
def presets(seed=0, *, duration="10 s", record=("spikes",)):
    """Three samples, about 100 times faster than they are long; do not change them."""
    return sns.simulate(
        "markov-if",
        design(),
        duration=duration,
        record_every="1 ms",
        transient="500 ms",
        engine="exact",
        record=list(record),
        seed=seed,
        progress=False,
    )


@functools.cache
def plane(seed=0):
    """A grid over two parameters, series only."""
    network = sns.systems.get("markov-if:small-regular")
    return sns.simulate(
        network,
        sns.Design.grid({"tau_EE": [1.4, 2.0, 4.0], "S_EI": [17.0, 20.0]}),
        duration="10 s",
        record_every="1 ms",
        transient="500 ms",
        engine="exact",
        record=[],
        seed=seed,
        progress=False,
    )


@functools.cache
def scores():
    """Scores of a second seed against the first, a third one as twin."""
    return sns.evaluate(presets(0), presets(1), twin=presets(2))


def failed(ds, sample, *, after=2000):
    """The dataset with one sample that ran away: series NaN after some records."""
    made = ds.copy(deep=True)
    for name in schema.series_of(made):
        made[name].values[sample, after:] = np.nan
    made["status"].values[sample] = schema.FLAGS["runaway"]
    return made


def silent(ds):
    """The dataset without a spike."""
    made = ds.drop_dims("spike").copy(deep=True).drop_vars("spike_count", errors="ignore")
    for name in schema.series_of(made):
        made[name].values[:] = 0.0
    return made
