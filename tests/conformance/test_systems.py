"""Every registered system: units, Jacobian, compiled code, known values, step. No list to edit."""

import re

import numpy as np
import pytest

from snnsurrogate import dynamics, systems, units
from snnsurrogate.systems import System
from snnsurrogate.systems._convergence import default_step

NAMES = systems.names("neuron")


@pytest.fixture(params=NAMES)
def system(request) -> System:
    return systems.get(request.param)


def random_points(system, n, seed=0):
    """States in the box and parameters in their range."""
    rng = np.random.default_rng(seed)
    x = np.stack([rng.uniform(s.low, s.high, n) for s in system.states], -1)
    return x, {p.name: rng.uniform(p.low, p.high, n) for p in system.parameters}


def test_declaration_is_complete(system):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", system.name)
    assert len(system.source) > 20
    assert system.checks, "give a value to reproduce"
    for item in (*system.parameters, *system.states):
        assert item.meaning
        assert np.isfinite([item.low, item.high]).all()
        assert item.low < item.high
        units.si_factor(item.unit)
        units.base_unit(item.unit)
    for check in system.checks:
        assert check.source
    for name, value in system.initial.items():
        assert system.state(name).low <= value <= system.state(name).high
    if system.spikes is not None:
        assert system.spikes.reset < system.spikes.threshold
        assert units.seconds(system.spikes.max_step, what="max_step") > units.seconds(
            system.dt, what="dt"
        )


def test_known_values(system):
    wrong = [
        f"{result.check.name}: expected {result.check.value}, got {result.got.tolist()}"
        for result in dynamics.verify(system)
        if not result.ok
    ]
    assert not wrong


def test_jacobian_against_central_differences(system):
    x, p = random_points(system, 40)
    scale = np.array([s.high - s.low for s in system.states])
    exact = system.jacobian(x, p)
    assert exact.shape == (40, len(system.states), len(system.states))
    for j in range(len(system.states)):
        errors = []
        for step in (1e-4, 1e-5, 1e-6):
            h = np.zeros(len(system.states))
            h[j] = step * scale[j]
            difference = (system.rhs(x + h, p) - system.rhs(x - h, p)) / (2 * h[j])
            size = np.abs(exact[:, :, j]) + 1e-6 * np.abs(system.rhs(x, p)) / scale[j] + 1e-9
            errors.append(np.abs(difference - exact[:, :, j]) / size)
        assert np.min(errors, axis=0).max() < 1e-4


def test_compiled_functions_equal_numpy(system):
    x, p = random_points(system, 25, seed=1)
    kernel = system.kernel()
    rhs, jacobian = system.rhs(x, p), system.jacobian(x, p)
    for i in range(25):
        point = {name: value[i] for name, value in p.items()}
        np.testing.assert_allclose(kernel(x[i], point), rhs[i], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(kernel.jacobian(x[i], point), jacobian[i], rtol=1e-9, atol=1e-12)


def test_default_step_follows_from_the_table(system):
    assert system.benchmark is not None
    assert default_step(system.convergence, system.benchmark.tolerance) == system.dt


@pytest.mark.parametrize("name", {systems.get(name).convergence: name for name in NAMES}.values())
def test_table_row_of_the_default_step_is_measured_again(name):
    system = systems.get(name)
    (row,) = systems.convergence(system, [system.dt], methods=[system.method])
    (stored,) = (r for r in system.convergence if (r.dt, r.method) == (row.dt, row.method))
    assert row.error == pytest.approx(stored.error, rel=0.2)


@pytest.mark.brian
def test_brian2_accepts_the_text_with_a_driven_input(system):
    """The input follows a straight line, exactly, whatever the equations are."""
    if system.input is None:
        pytest.skip("no input")
    import brian2

    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    try:
        group = brian2.NeuronGroup(
            1, system.brian2_equations(driven=True), method="rk4", dt=0.01 * brian2.ms,
            namespace={}, name="driven*",
        )  # fmt: skip
        for item in (*system.states, *system.parameters):
            start = system.initial.get(item.name, system.defaults.get(item.name))
            group.variables[item.name].set_value(start * units.si_factor(item.unit))
        slope = units.si_factor(system.parameter(system.input).unit)  # one unit per ms
        group.variables[f"{system.input}_slope"].set_value(1000 * slope)
        brian2.Network(group).run(0.05 * brian2.ms)
        end = float(group.variables[system.input].get_value()[0]) / slope
    finally:
        brian2.prefs.codegen.target = before
    assert end == pytest.approx(system.defaults[system.input] + 0.05, abs=1e-9)


@pytest.mark.brian
def test_brian2_accepts_the_text_and_gives_the_same_derivatives(system):
    """Brian2's own evaluation of the right-hand side (NumPy target) at random points."""
    import brian2

    text = system.brian2_equations()
    assert brian2.Equations(text).diff_eq_names == set(system.state_names)
    for state in system.states:
        unit = units.base_unit(state.unit)
        rate = f"{unit}/second" if unit != "1" else "hertz"
        text, count = re.subn(
            rf"(?m)^d{state.name}/dt\s*=(.*?):[^\n]*$",
            rf"rate_{state.name} =\1: {rate}\n{state.name} : {unit} (constant)",
            text,
        )
        assert count == 1
    n = 30
    x, p = random_points(system, n, seed=2)
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    try:
        group = brian2.NeuronGroup(n, text, namespace={}, name="conformance*")
        for i, state in enumerate(system.states):
            group.variables[state.name].set_value(x[:, i] * units.si_factor(state.unit))
        for item in system.parameters:
            group.variables[item.name].set_value(p[item.name] * units.si_factor(item.unit))
        rates = [
            np.asarray(getattr(group, f"rate_{s.name}_")[:]) / units.si_factor(s.unit)
            for s in system.states
        ]
        brian2.Network(group).run(0 * brian2.second)  # checks the units of the whole text
    finally:
        brian2.prefs.codegen.target = before
    got = np.stack(rates, -1) * units.si_factor(system.time_unit)
    np.testing.assert_allclose(got, system.rhs(x, p), rtol=1e-9, atol=1e-12)


@pytest.mark.brian
def test_brian2_refuses_text_whose_units_are_wrong():
    """The check above can fail: a lost capacitance changes the dimension."""
    import brian2

    text = systems.get("hodgkin-huxley").brian2_equations().replace("/C :", " :", 1)
    group = brian2.NeuronGroup(1, text, namespace={}, method="rk4")
    with pytest.raises(brian2.BrianObjectException) as error:
        brian2.Network(group).run(0 * brian2.second)
    assert isinstance(error.value.__cause__, brian2.DimensionMismatchError)
