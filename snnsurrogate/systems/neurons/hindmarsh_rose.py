"""Hindmarsh-Rose bursting neuron; dimensionless, one unit of model time is 1 ms."""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import INTEGRATED, errors, parameter, rate, spikes, state

EQUATIONS = """
dx/dt = (y - a*x**3 + b*x**2 - z + I)/ms : 1
dy/dt = (c - d*x**2 - y)/ms : 1
dz/dt = r*(s*(x - x_R) - z)/ms : 1
"""


def _rest(current: float) -> tuple[float, float, float]:
    """Rest state for the default values: the real root of x^3 + 2 x^2 + 4 x + 5.4 - I = 0.

    With y = c - d x^2 and z = s (x - x_R) the cubic is a x^3 + (d - b) x^2 + s x - (c + s x_R + I).
    """
    # Cardano for the depressed cubic t^3 + p t + q with x = t - 2/3; p > 0: one real root.
    p, q = 4 - 4 / 3, 16 / 27 - 8 / 3 + 5.4 - current
    root = (q * q / 4 + p**3 / 27) ** 0.5
    t = _cube(-q / 2 + root) + _cube(-q / 2 - root)
    x = t - 2 / 3
    return x, 1 - 5 * x * x, 4 * (x + 1.6)


def _cube(value: float) -> float:
    return abs(value) ** (1 / 3) * (1 if value >= 0 else -1)


def _check(current: float) -> Check:
    return Check(
        name=f"rest state at I = {current:g}", kind="fixed_point", parameters={"I": current},
        value=_rest(current), atol=1e-9, unit="1", source="closed form: root of the cubic",
    )  # fmt: skip


SYSTEM = System(
    name="hindmarsh-rose",
    title="Hindmarsh-Rose bursting neuron (dimensionless, model time unit = 1 ms)",
    source=(
        "Hindmarsh and Rose, Proc. R. Soc. Lond. B 221:87 (1984), doi:10.1098/rspb.1984.0024; "
        "r = 0.006 and x_R = -1.6 as is customary"
    ),
    equations=EQUATIONS,
    parameters=(
        parameter("I", 2.0, "1", 0.0, 6.0, "injected current"),
        parameter("r", 0.006, "1", 0.0005, 0.05, "rate of the slow variable"),
        parameter("a", 1.0, "1", 0.5, 2.0, "cubic coefficient"),
        parameter("b", 3.0, "1", 2.0, 4.0, "quadratic coefficient"),
        parameter("c", 1.0, "1", 0.0, 2.0, "offset of the recovery variable"),
        parameter("d", 5.0, "1", 3.0, 7.0, "quadratic coefficient of recovery"),
        parameter("s", 4.0, "1", 1.0, 6.0, "strength of adaptation"),
        parameter("x_R", -1.6, "1", -2.0, -1.0, "resting value of x in the slow equation"),
    ),
    states=(
        state("x", "1", 0.9, -2.5, 2.5, -1.3, "voltage-like variable"),
        state("y", "1", 3.0, -25.0, 2.0, -7.5, "recovery variable"),
        state("z", "1", 0.3, -1.0, 7.0, 1.8, "slow adaptation"),
    ),
    time_unit="ms",
    dt="0.05 ms",
    benchmark=Benchmark(duration="500 ms", at=({"I": 2.0}, {"I": 4.0}, {"I": 1.0})),
    convergence=errors(
        ("0.005 ms", 6.8e-10, 8.9e-03),
        ("0.01 ms", 1.1e-08, 1.6e-02),
        ("0.02 ms", 1.7e-07, 3.1e-02),
        ("0.025 ms", 4.2e-07, 3.8e-02),
        ("0.05 ms", 6.5e-06, float("inf")),
        ("0.1 ms", 9.9e-05, float("inf")),
        ("0.2 ms", float("inf"), float("inf")),
    ),
    spikes=SpikeRule(state="x", threshold=0.5, reset=0.0, max_step="0.5 ms"),
    input="I",
    swept="I",
    large_amplitude_start={"x": 0.0, "y": 0.0, "z": 1.8},
    checks=(
        _check(0.5),
        _check(2.0),
        _check(3.25),
        _check(5.0),
        Check(name="right-hand side at (1, -4, 2)", kind="rhs",
              state={"x": 1.0, "y": -4.0, "z": 2.0}, parameters={"I": 2.0},
              value=(-2.0, 0.0, 0.006 * 8.4), atol=1e-12, unit="1/ms", source="closed form"),
        # Silent, slow tonic, bursts of two and of three with the pause between them, fast tonic.
        spikes(1.0, 0, 0, 2000, INTEGRATED),
        rate(1.5, 6.687783, "1000 ms", "1000 ms", INTEGRATED),
        spikes(2.0, 2, 1015, 1055, INTEGRATED),
        spikes(2.0, 0, 1055, 1145, INTEGRATED),
        spikes(2.5, 3, 1035, 1090, INTEGRATED),
        spikes(2.5, 0, 1090, 1160, INTEGRATED),
        rate(4.0, 49.68236, "1000 ms", "1000 ms", INTEGRATED),
    ),
)  # fmt: skip
