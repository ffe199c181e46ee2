"""Known values: a wrong system is caught, and an unknown kind is refused."""

import dataclasses

import pytest

from snnsurrogate import dynamics, systems


def test_a_wrong_constant_is_caught():
    right = systems.get("hodgkin-huxley")
    assert all(result.ok for result in dynamics.verify(right))
    wrong = [r.check.kind for r in dynamics.verify(right.with_parameters(g_L=0.31)) if not r.ok]
    assert {"fixed_point", "eigenvalues", "hopf"} <= set(wrong)


def test_a_wrong_equation_is_caught():
    right = systems.get("fitzhugh-nagumo")
    wrong = dataclasses.replace(right, equations=right.equations.replace("b*w", "w"))
    assert not any(result.ok for result in dynamics.verify(wrong))


def test_unknown_kind():
    system = systems.get("sherman")
    check = dataclasses.replace(system.checks[0], kind="fixedpoint")
    with pytest.raises(ValueError, match="known: fixed_point"):
        dynamics.verify(dataclasses.replace(system, checks=(check,)))
