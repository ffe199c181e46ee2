"""The coarse state of a network: closed forms of coefficients, units per cell, what is missing."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate.surrogate import coarse


def test_coefficients_of_known_histograms():
    bins = 34
    b = np.arange(bins) + 0.5
    flat, one = np.full(bins, 3), np.zeros(bins)
    one[4] = 7
    np.testing.assert_allclose(coarse.cosines(flat), 0, atol=1e-5)
    k = np.arange(1, 6)
    np.testing.assert_allclose(coarse.cosines(one), 7 * np.cos(np.pi * k * 4.5 / bins), rtol=1e-5)
    wave = 10 + 4 * np.cos(np.pi * 3 * b / bins)  # orthogonal: only the third is left
    np.testing.assert_allclose(coarse.cosines(wave), [0, 0, 4 * bins / 2, 0, 0], atol=1e-4)


def test_columns_and_values_are_per_cell(network):
    columns = coarse.columns(network)
    names = [c.name for c in columns]
    assert names == [
        "rate_E", "rate_I", "H_EE", "H_IE", "H_EI", "H_II", "R_E", "R_I",
        *(f"V_{q}_{k}" for q in "EI" for k in range(1, 6)),
    ]  # fmt: skip
    assert {c.name: c.decay for c in columns if c.decay} == {
        "H_EE": "tau_EE", "H_IE": "tau_IE", "H_EI": "tau_I", "H_II": "tau_I",
        "R_E": "tau_R", "R_I": "tau_R",
    }  # fmt: skip
    got = coarse.values(network, [2, 0])
    assert got.shape == (2, network.sizes["time"], 18)
    np.testing.assert_array_equal(got[0, :, 0], network["rate_E"][2])
    np.testing.assert_allclose(got[1, :, 3], network["H_IE"][0] / 25, rtol=1e-6)
    np.testing.assert_allclose(
        got[1, :, 8:13], coarse.cosines(network["V_E"].values[0]) / 75, rtol=1e-5, atol=1e-7
    )


def test_what_is_missing_is_said_with_the_option_that_records_it(network, decay):
    lean = network.drop_vars(["V_E", "V_I", "voltage"])
    with pytest.raises(ValueError, match=r"lacks \['V_E', 'V_I'\].*record=\['histograms'\]"):
        sns.fit(sns.models.PopulationMap(), lean)
    with pytest.raises(ValueError, match=r"lacks \['H_EI'\], part of the coarse state$"):
        coarse.values(network.drop_vars("H_EI"))
    with pytest.raises(ValueError, match="holds single cells"):
        sns.fit(sns.models.PopulationMap(), decay)
    with pytest.raises(ValueError, match="is of a network.*fit PopulationMap"):
        sns.fit(sns.models.RecurrentMap(), network)


def test_non_finite_training_data_are_refused(network):
    broken = network.copy(deep=True)
    broken["H_EE"][3, 5] = np.nan
    with pytest.raises(ValueError, match="'H_EE' is not finite in sample 3"):
        sns.fit(sns.models.PopulationMap(), broken)
