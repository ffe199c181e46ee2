"""CoarseStep: the simulator at the step that was asked for."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import schema

POINT = {"tau_EE": [2.0, 3.0], "lambda_E": 6.5, "lambda_I": 6.5}


@pytest.mark.slow
@pytest.mark.brian
def test_it_simulates_with_the_step(network):
    fitted = sns.baselines.CoarseStep(dt="1 ms").fit(network)
    run = fitted.rollout(None, POINT, "2 s", seed=1, record=["H_EE"])
    assert run.attrs["dt"] == "1 ms"
    assert run.attrs["record_every"] == network.attrs["record_every"]
    assert run.sizes["time"] == 2001
    assert schema.series_of(run) == ["rate_E", "rate_I", "H_EE"]
    np.testing.assert_array_equal(run["tau_R"], 2.5)
    truth = sns.simulate(
        "markov-if:small-regular", sns.Design.points(POINT | {"tau_R": 2.5}), duration="2 s",
        record_every="1 ms", transient="0.2 s", engine="exact", record=[], seed=1, progress=False,
    )  # fmt: skip
    assert float(run["rate_E"].mean()) == pytest.approx(float(truth["rate_E"].mean()), rel=0.5)


def test_bad_steps(network):
    with pytest.raises(ValueError, match="expected a positive time"):
        sns.baselines.CoarseStep(dt="0 ms")
    with pytest.raises(ValueError, match="no multiple of dt = 0.3 ms"):
        sns.baselines.CoarseStep(dt="0.3 ms").fit(network)
    with pytest.raises(ValueError, match="no multiple of dt = 2 ms"):
        sns.baselines.CoarseStep(dt="2 ms").fit(network)
