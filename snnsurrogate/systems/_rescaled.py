"""A dimensionless neuron model in physical units: affine maps of voltage, input and time."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from snnsurrogate import units

from ._base import System
from ._declarations import Parameter, SpikeRule, State
from ._expressions import parse_text

__all__ = ["rescaled"]

_STEPS_MS = (0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)  # each divides 0.05 ms


def rescaled(
    system: System,
    *,
    like: System,
    voltage: str = "",
    V_scale: float = 1.0,
    V_offset: float = 0.0,
    I_scale: float = 1.0,
    I_offset: float = 0.0,
    speed: float = 1.0,
    **parameters: float,
) -> System:
    """A dimensionless system as a neuron with the voltage, input and units of another.

        V = V_offset + V_scale v,   I = I_offset + I_scale i,   speed units of model time per ms

    with v and i the voltage-like state and the input of ``system``. The five numbers are parameters
    of the new system, so that simulations, dynamics and phase planes see one more neuron.

    Args:
        system: every state and parameter without unit, time in ms, and an input.
        like: gives names and units of voltage and input, and the spike rule.
        voltage: voltage-like state; default: that of the spike rule, or the first state.
        V_scale: in the unit of the voltage of ``like``; negative turns the state upside down.
        V_offset: in that unit.
        I_scale: in the unit of the input of ``like``.
        I_offset: in that unit.
        speed: units of model time per ms.
        **parameters: other parameters of ``system``.

    Returns:
        System of the name "<name>-rescaled", not registered.

    Raises:
        ValueError: a system with units, without an input, or with names that collide; ``like``
            without a spike rule or an input; a scale of 0.
    """
    rule = _rule(system, like)
    base = system.with_parameters(**parameters)
    old_v = voltage or (base.spikes.state if base.spikes else base.states[0].name)
    old_i = str(base.input)
    v: State = base.state(old_v)
    new_v: State = like.state(rule.state)
    new_i: Parameter = like.parameter(str(like.input))
    scales = {"V_scale": V_scale, "I_scale": I_scale, "speed": speed}
    for name, value in scales.items():
        if not value or (name == "speed" and value < 0):
            msg = f"{name} is {value!r}; expected a number other than 0 (speed: above 0)"
            raise ValueError(msg)
    kept = [s for s in base.states if s.name != old_v]
    added = (*scales, "V_offset", "I_offset", "scaled_V", "scaled_I", new_v.name, new_i.name)
    taken = {s.name for s in kept} | set(base.parameter_names) - {old_i}
    if taken & set(added):
        msg = f"{base.name!r} uses {sorted(taken & set(added))} for something else; rename there"
        raise ValueError(msg)

    def real(x: float) -> float:
        return V_offset + V_scale * x

    def number(name: str, value: float, unit: str, size: float, meaning: str) -> Parameter:
        return Parameter(
            name=name, value=float(value), unit=unit, low=-size, high=size, meaning=meaning
        )

    ends = sorted((real(v.low), real(v.high)))
    largest = 1e4 * max(1.0, abs(V_scale), abs(I_scale))
    return dataclasses.replace(
        base,
        name=f"{base.name}-rescaled",
        title=f"{base.title}; voltage, input and time by affine maps",
        equations=_text(base, old_v, old_i, new_v, new_i.name),
        parameters=(
            new_i,
            number("V_scale", V_scale, new_v.unit, largest, f"{new_v.name} per unit of {old_v}"),
            number("V_offset", V_offset, new_v.unit, largest, f"{new_v.name} at {old_v} = 0"),
            number("I_scale", I_scale, new_i.unit, largest, f"{new_i.name} per unit of {old_i}"),
            number("I_offset", I_offset, new_i.unit, largest, f"{new_i.name} at {old_i} = 0"),
            Parameter(name="speed", value=float(speed), unit="1", low=0.0, high=1e4,
                      meaning="units of model time per ms"),
            *(p for p in base.parameters if p.name != old_i),
        ),
        states=tuple(
            State(name=new_v.name, unit=new_v.unit, scale=abs(V_scale) * v.scale, low=ends[0],
                  high=ends[1], initial=real(v.initial), meaning=new_v.meaning)
            if s.name == old_v else s
            for s in base.states
        ),
        dt=_step(base, speed),
        spikes=rule,
        input=new_i.name,
        swept=new_i.name,
        checks=(), convergence=(), benchmark=None, large_amplitude_start=None,
    )  # fmt: skip


def _rule(system: System, like: System) -> SpikeRule:
    if like.spikes is None or like.input is None:
        msg = f"{like.name!r} declares no spike rule or no input; expected a neuron with both"
        raise ValueError(msg)
    if system.input is None or system.time_unit != "ms":
        msg = f"{system.name!r} has no input or counts time in {system.time_unit}; expected ms"
        raise ValueError(msg)
    about: tuple[Any, ...] = (*system.states, *system.parameters)
    with_unit = [x.name for x in about if x.unit != "1"]
    if with_unit:
        msg = f"{system.name!r} has units ({', '.join(with_unit)}); expected a dimensionless system"
        raise ValueError(msg)
    return like.spikes


def _text(base: System, old_v: str, old_i: str, new_v: State, new_i: str) -> str:
    """Equations with ``scaled_V`` and ``scaled_I`` in the place of the old names."""
    lines = []
    for equation in parse_text(base.equations):
        text = equation.expression
        for old, new in ((old_v, "scaled_V"), (old_i, "scaled_I")):
            text = re.sub(rf"\b{old}\b", new, text)
        if not equation.differential:
            lines.append(f"{equation.name} = {text} : {equation.unit}")
        elif equation.name == old_v:
            lines.append(
                f"d{new_v.name}/dt = speed*V_scale*({text}) : {units.base_unit(new_v.unit)}"
            )
        else:
            lines.append(f"d{equation.name}/dt = speed*({text}) : {equation.unit}")
    lines.append(f"scaled_V = ({new_v.name} - V_offset)/V_scale : 1")
    lines.append(f"scaled_I = ({new_i} - I_offset)/I_scale : 1")
    return "\n".join(lines)


def _step(base: System, speed: float) -> str:
    """The largest usual step that is no coarser in model time than the system's own."""
    wanted = float(base.dt.split()[0]) / speed
    fits = [step for step in _STEPS_MS if step <= wanted * (1 + 1e-9)]
    return f"{fits[0] if fits else _STEPS_MS[-1]:g} ms"
