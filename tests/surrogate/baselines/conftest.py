"""Runs whose law is known, so that what a baseline learns of them is known too."""

import numpy as np
import pytest

from snnsurrogate.surrogate.baselines._runs import Runs
from snnsurrogate.surrogate.scaling import Scaling


@pytest.fixture
def runs_of(network):
    """Runs of the small network's kind with given numbers (run, time, column) and parameters."""

    def make(x, p):
        like = Runs.of(network, view="coarse")
        flat = [part.reshape(-1, x.shape[2]) for part in (x[:, :-1], x[:, 1:])]
        return Runs(
            ds=like.ds, columns=like.columns[: x.shape[2]], x=x.astype(np.float32),
            names=like.names[: p.shape[1]], p=p, scaling=Scaling.fitted(*flat, p),
            step=1.0, seconds=1e-3,
        )  # fmt: skip

    return make
