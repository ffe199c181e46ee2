"""Every registered metric, whatever it is: ideal on itself, finite, independent of the batch."""

import numpy as np
import pytest

from snnsurrogate import features
from snnsurrogate.evaluate.metrics import METRICS, Record, get, metric

STEP, LENGTH = 0.01, 60.0
TIME = np.arange(0, LENGTH + STEP / 2, STEP)


def record(rows, trains):
    """States (V-like, slow) and spike trains -> record."""
    columns = [features.features_of(t, start=0.0, stop=LENGTH) for t in trains]
    return Record(
        states=np.array([np.stack(row, axis=-1) for row in rows]),
        time_step=STEP,
        horizon=2.0,
        features={name: np.array([c[name] for c in columns]) for name in columns[0]},
    )


def burster(period=9.0, count=20, isi=0.2, shift=0.0):
    onsets = np.arange(1.0 + shift, LENGTH - 1, period)
    train = np.add.outer(onsets, np.arange(count) * isi).ravel()
    train = train[train < LENGTH]
    v = np.exp(-(((TIME[:, None] - train) / 0.02) ** 2)).sum(axis=1)
    return (3 * v - 1, np.sin(2 * np.pi * (TIME - shift) / period)), train


def flat(value=0.0):
    return (np.full(TIME.size, value), np.full(TIME.size, 0.1)), np.empty(0)


def diverged():
    rows, _ = flat()
    v = rows[0].copy()
    v[100:] = np.nan
    return (v, rows[1]), None


def one(sample):
    row, train = sample
    if train is not None:
        return record([row], [train])
    made = record([row], [np.empty(0)])
    missing = {name: np.full(1, np.nan) for name in made.features}
    return Record(states=made.states, time_step=STEP, horizon=2.0, features=missing)


def worse(m, a, b):
    """True if score a is worse than score b."""
    return a > b if m.better == "lower" else a < b


TRUTH = one(burster())
CLOSE = one(burster(period=9.05, shift=0.02))
every = pytest.mark.parametrize("m", METRICS.values(), ids=list(METRICS))


@every
def test_ideal_on_itself(m):
    assert m(TRUTH, TRUTH) == pytest.approx(m.ideal, abs=1e-9)


@every
def test_declares_what_it_is(m):
    assert m.name == m.function.__name__
    assert m.better in {"lower", "higher"}
    assert m.unit
    assert m.long_name
    assert m.function.__doc__


@every
@pytest.mark.parametrize("truth", ["burster", "flat"])
@pytest.mark.parametrize("prediction", ["burster", "flat", "elsewhere", "diverged"])
def test_finite_unless_the_truth_has_nothing_to_compare(m, truth, prediction):
    made = {
        "burster": burster(),
        "flat": flat(),
        "elsewhere": flat(1e6),
        "diverged": diverged(),
    }
    value = m(one(made[truth]), one(made[prediction]))
    assert value.shape == (1,)
    undefined = np.isnan(m(one(made[truth]), one(made[truth])))
    np.testing.assert_array_equal(np.isnan(value), undefined)
    assert not np.isinf(value).any()
    if truth == "burster":
        assert not undefined.any(), "a metric that says nothing about a burster measures nothing"


@every
@pytest.mark.parametrize("bad", [flat(), flat(TRUTH.states[0, :, 0].mean()), diverged()])
def test_a_flat_line_is_worse_than_a_fair_copy(m, bad):
    score, fair = m(TRUTH, one(bad))[0], m(TRUTH, CLOSE)[0]
    assert worse(m, score, fair), f"flat or diverged {score} against {fair} of a fair copy"
    assert worse(m, score, m.ideal)


@every
def test_a_sample_does_not_depend_on_its_batch(m):
    samples = [burster(), flat(), burster(period=12.0, count=8), flat(2.0)]
    others = [burster(shift=0.5), burster(), flat(), flat(2.0)]
    truth = record([s[0] for s in samples], [s[1] for s in samples])
    prediction = record([s[0] for s in others], [s[1] for s in others])
    together = m(truth, prediction)
    alone = [m(one(a), one(b))[0] for a, b in zip(samples, others, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-12)


def test_registering_twice_is_an_error():
    with pytest.raises(ValueError, match="already registered"):

        @metric(unit="1", ideal=0.0, better="lower", long_name="another")
        def D_stsp(truth, prediction):
            return truth


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(KeyError, match="Did you mean 'D_stsp'"):
        get("D_stp")
