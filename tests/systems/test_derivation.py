"""From equation text to numbers: known values, units, and text that cannot be read."""

import math

import numpy as np
import pytest

from snnsurrogate import systems
from snnsurrogate.systems import Parameter, State, System


def make(equations: str, **other) -> System:
    declared = {
        "name": "toy",
        "title": "toy",
        "source": "test",
        "parameters": (
            Parameter(name="tau", value=10.0, unit="ms", low=1.0, high=100.0, meaning="time"),
            Parameter(name="E", value=-60.0, unit="mV", low=-90.0, high=0.0, meaning="rest"),
        ),
        "states": (
            State(name="V", unit="mV", scale=1.0, low=-90, high=50, initial=-70, meaning="V"),
        ),
        "time_unit": "ms",
        "dt": "0.1 ms",
    }
    return System(equations=equations, **(declared | other))


LEAK = "dV/dt = (E - V)/tau : volt"


def test_leak_by_hand():
    system = make(LEAK)
    assert system.rhs([-70.0]) == pytest.approx([1.0], rel=1e-14)  # 10 mV / 10 ms
    assert system.jacobian([-70.0]) == pytest.approx(np.array([[-0.1]]))
    assert system.rhs(np.zeros((4, 1)), {"E": np.arange(4.0)})[:, 0] == pytest.approx(
        np.arange(4) / 10
    )


def test_time_unit_scales_rates_only():
    slow = make(LEAK, time_unit="s")
    assert slow.rhs([-70.0]) == pytest.approx([1000.0])


def test_units_named_expressions_and_continued_lines():
    text = """
    dV/dt = (E - V
             + shift)/tau : volt   # a comment: with a colon
    shift = 5*mV*tanh(V/(10*mV)) : volt (constant over dt)
    """
    assert make(text).rhs([-70.0]) == pytest.approx([(10 + 5 * math.tanh(-7)) / 10])


def test_exprel_at_its_removable_singularity():
    text = "dV/dt = E/exprel(-(V + 40*mV)/(10*mV))/ms/100 : volt"
    system = make(text)
    at = np.array([[-40.0], [-40.0 + 1e-9], [-40.0 + 1e-3], [-33.0]])
    x = (at[:, 0] + 40) / 10
    exact = np.where(np.abs(x) < 1e-7, 1 + x / 2, x / -np.expm1(-np.where(x == 0, 1, x)))
    assert system.rhs(at)[:, 0] == pytest.approx(-0.6 * exact, rel=1e-13)
    # d/dx [x/(1 - exp(-x))] at 0 is 1/2
    assert system.jacobian(at[0])[0, 0] == pytest.approx(-0.6 * 0.05, rel=1e-13)
    kernel = system.kernel()
    assert [kernel(x)[0] for x in at] == pytest.approx(system.rhs(at)[:, 0], rel=1e-13)
    assert [kernel.jacobian(x)[0, 0] for x in at] == pytest.approx(
        system.jacobian(at)[:, 0, 0], rel=1e-13
    )


def test_large_exponentials_saturate():
    sherman = systems.get("sherman")
    x = np.array([60.0, 0.1, 0.2])
    assert np.isfinite(sherman.rhs(x, {"theta_p": 0.5})).all()
    assert np.isfinite(sherman.kernel().jacobian(x, {"theta_p": 0.5})).all()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("dV/dt = (E - V)/tua : volt", "unknown name 'tua'.*Did you mean 'tau'"),
        ("dV/dt = (E - V)/tau", "lacks ': unit'"),
        ("dV/dt = (E - : volt", "cannot read"),
        ("dV/dt = foo(E - V)/tau : volt", "function 'foo'.*known: "),
        ("dV/dt = a/tau : volt\na = b : volt\nb = a : volt", "circle: .*a -> b -> a"),
        (LEAK + "\n" + LEAK, "defined twice"),
        ("dW/dt = (E - V)/tau : volt", "declared states"),
        (LEAK + "\nE : volt (constant)", "declared as Parameter"),
        (LEAK + "\ntau = 3*ms : second", "named expressions at once"),
        ("dV/dt = (E - V)/tau if V > 0 else 0 : volt", "cannot read"),
    ],
)
def test_unreadable_text(text, match):
    with pytest.raises(ValueError, match=match):
        make(text).sympy()


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"time_unit": "h"}, "expected 's' or 'ms'"),
        ({"states": ()}, "no state"),
        ({"input": "I"}, "input is 'I'; expected one of tau, E"),
        (
            {"parameters": (Parameter(name="V", value=0, unit="1", low=0, high=1, meaning=""),)},
            "declares V more than once",
        ),
        (
            {"parameters": (Parameter(name="q", value=3, unit="1", low=0, high=1, meaning=""),)},
            r"q = 3 lies outside \[0, 1\]",
        ),
    ],
)
def test_inconsistent_declaration(other, match):
    with pytest.raises(ValueError, match=match):
        make(LEAK, **other)


def test_hash_ignores_defaults_and_layout():
    system = make(LEAK)
    assert system.equations_hash == system.with_parameters(tau=20).equations_hash
    assert system.equations_hash == make("\n  dV/dt  = (E - V)/tau : volt # x\n").equations_hash
    assert system.equations_hash != make("dV/dt = 2*(E - V)/tau : volt").equations_hash
    assert system.equations_hash != make(LEAK, time_unit="s").equations_hash


def test_symbols_in_declared_units():
    (v,), (tau, e), (rhs,) = make(LEAK).sympy()
    assert rhs.equals((e - v) / tau)


def test_quantities_are_converted_to_declared_units():
    import brian2
    import pint

    system = make(LEAK)
    kernel = system.kernel()
    point = [-70.0]
    want = system.rhs(point, {"E": -50.0, "tau": 20.0})
    slope = system.jacobian(point, {"tau": 20.0})
    for other in (
        {"E": "-0.05 V", "tau": "0.02 s"},
        {"E": -50 * brian2.mV, "tau": 20 * brian2.ms},
        {"E": pint.UnitRegistry().Quantity(-0.05, "V"), "tau": "20 ms"},
    ):
        np.testing.assert_allclose(system.rhs(point, other), want, rtol=1e-14)
        np.testing.assert_allclose(system.jacobian(point, other), slope, rtol=1e-14)
        np.testing.assert_allclose(kernel(point, other), want, rtol=1e-14)
    matrix = kernel.parameter_matrix({"E": [-50, -40] * brian2.mV}, 2)
    np.testing.assert_allclose(matrix, [[10.0, -50.0], [10.0, -40.0]], rtol=1e-14)
    with pytest.raises(ValueError, match=r"E is '3 s'; expected .*'mV'"):
        system.rhs(point, {"E": "3 s"})
    with pytest.raises(ValueError, match="tau"):
        kernel.parameter_matrix({"tau": 20 * brian2.mV}, 1)
