"""Driven neurons: what drove the truth drives the surrogate and the twin."""

import numpy as np
import pytest

from snnsurrogate import protocols, schema
from snnsurrogate.evaluate import ComparisonError, evaluate
from snnsurrogate.simulate import Design, simulate

pytestmark = pytest.mark.brian

TIMES = {"duration": "60 ms", "record_every": "0.1 ms"}
NOISE = protocols.ou(mean=7, sd="spread", tau="5 ms")


def run(seed=0, **changes):
    given = {"protocol": NOISE, "transient": "5 ms"} | TIMES | changes
    design = given.pop("design", Design.points({"spread": [1.0, 4.0]}))
    return simulate("hodgkin-huxley", design, seed=seed, **given)


@pytest.fixture(autouse=True)
def quick_truth():
    """Brian2 here, not the stand-in of the other tests."""


class Axon:
    """The equations as their own surrogate."""

    def rollout(self, initial, parameters, duration, *, protocol=None, seed=0):
        design = Design.points(parameters, initial=initial)
        return run(
            design=design, protocol=protocol, duration=duration, transient="0 ms", dt="0.05 ms"
        )


def test_the_truth_is_rolled_out_and_twinned_under_its_own_noise():
    truth = run()
    scores = evaluate(truth, Axon(), boundaries=False, fixed_points=False)
    assert 0 < float(scores["short_horizon_error"]) < 0.01
    assert 0 < float(scores["short_horizon_error_floor"]) < 0.01
    assert "half the step" in scores.attrs["twin"]
    assert scores["spread"].values.tolist() == [1, 4]


def test_another_noise_cannot_be_compared():
    with pytest.raises(ComparisonError, match="input 'I' is another one in the prediction"):
        evaluate(run(), run(seed=1))


def test_an_undriven_prediction_cannot_stand_for_a_driven_truth():
    design = Design.points({"I": [7, 7]})
    with pytest.raises(ComparisonError, match="input 'I' is another one"):
        evaluate(run(), run(design=design, protocol=None))
    assert np.isfinite(run()["I"].values).all()
    assert schema.inputs_of(run(design=design, protocol=None)) == []
