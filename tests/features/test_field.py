"""The LFP proxy: what the documentation defines, of simulations that have its parts."""

import numpy as np
import pytest

from snnsurrogate.features.field import synaptic_drive
from tests import network_runs as runs


def test_synaptic_drive_is_what_the_documentation_defines():
    ds = runs.plane()
    expected = (ds.S_EE * ds.H_EE / ds.tau_EE + ds.S_EI * ds.H_EI / ds.tau_I) / ds.N_E
    lfp = synaptic_drive(ds)
    np.testing.assert_allclose(lfp, expected, rtol=1e-5)
    assert lfp.attrs["units"] == "1/ms"


def test_what_has_no_drive_is_said():
    ds = runs.plane()
    with pytest.raises(ValueError, match=r"lacks \['H_EI'\]"):
        synaptic_drive(ds.drop_vars("H_EI"))
    with pytest.raises(ValueError, match="defined for 'markov-if'; got 'brunel'"):
        synaptic_drive(ds.assign_attrs(system="brunel"))
