"""Quantities: what is read, what is refused, and what the refusal says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsurrogate import units


@pytest.mark.parametrize(
    ("unit", "factor", "base"),
    [
        ("mV", 1e-3, "volt"),
        ("1", 1.0, "1"),
        ("ms", 1e-3, "second"),
        ("1/ms", 1e3, "1/second"),
        ("nS", 1e-9, "siemens"),
        ("uA/cm**2", 1e-2, "amp/meter**2"),
        ("mS/cm**2", 10.0, "siemens/meter**2"),
        ("uF/cm**2", 1e-2, "farad/meter**2"),
        ("Hz", 1.0, "hertz"),
    ],
)
def test_factor_and_brian2_name(unit, factor, base):
    assert units.si_factor(unit) == factor
    assert units.base_unit(unit) == base


@pytest.mark.parametrize(
    ("value", "unit", "number"),
    [
        ("60 s", "s", 60.0),
        ("1 min", "s", 60.0),
        ("0.1 s", "ms", 100.0),
        ("10ms", "s", 0.01),
        ("-0.044 V", "mV", -44.0),
        ("0.5", "1", 0.5),
    ],
)
def test_text_is_converted(value, unit, number):
    assert units.magnitude(value, unit, what="x") == number


def test_quantities_of_pint_and_brian2():
    import brian2
    import pint

    assert units.magnitude(pint.UnitRegistry().Quantity(60, "s"), "ms", what="x") == 60000.0
    assert units.magnitude(-44 * brian2.mV, "mV", what="x") == -44.0
    assert units.magnitude(0.1 * brian2.second, "ms", what="x") == 100.0
    np.testing.assert_array_equal(units.magnitudes([1, 2] * brian2.mV, "mV", what="x"), [1, 2])
    with pytest.raises(ValueError, match=r"V_S is 60.*second; expected .*'mV'"):
        units.magnitude(60 * brian2.second, "mV", what="V_S")


def test_bare_number_says_what_to_write():
    with pytest.raises(ValueError, match=r'duration=60 has no unit; write "60 s"'):
        units.magnitude(60, "s", what="duration")
    with pytest.raises(ValueError, match=r'duration=60 has no unit; write "60 s"'):
        units.magnitude("60", "s", what="duration")
    assert units.magnitude(60, "s", what="duration", bare=True) == 60.0


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("3 mV", "dimension of 's'"),
        ("three seconds", "cannot be read"),
        ("3 sekonds", "cannot be read"),
        ("nan s", "finite"),
        (True, "expected text with a unit"),
        (None, "expected text with a unit"),
        (np.array([1.0, 2.0]), "shape"),
    ],
)
def test_bad_quantity(value, match):
    with pytest.raises(ValueError, match=match):
        units.magnitude(value, "s", what="duration", bare=True)


@pytest.mark.parametrize("unit", ["", "sekond", "mV +", None])
def test_bad_unit(unit):
    with pytest.raises(ValueError, match="unit"):
        units.si_factor(unit)


@given(st.floats(-1e12, 1e12), st.sampled_from(["1", "ms", "mV", "uA/cm**2", "1/ms"]))
def test_format_round_trip(value, unit):
    text = units.format_quantity(value, unit)
    assert units.magnitude(text, unit, what="x") == value


def test_arrays_of_any_library_are_bare_numbers():
    import xarray as xr

    for values in (np.array([1, 2]), xr.DataArray([1.0, 2.0]), [1, 2], (1.0, 2.0)):
        got = units.magnitudes(values, "mV", what="x")
        assert got.dtype == float
        assert got.tolist() == [1.0, 2.0]
    assert units.magnitudes(xr.DataArray(3.0), "mV", what="x") == 3.0
    assert units.magnitudes(np.float32(0.5), "mV", what="x") == 0.5
