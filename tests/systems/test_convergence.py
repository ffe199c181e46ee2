"""The integration step follows from measured errors."""

import pytest

from snnsurrogate import systems
from snnsurrogate.systems import Convergence
from snnsurrogate.systems._convergence import default_step


def test_rk4_is_of_fourth_order_and_exponential_euler_of_first():
    rows = systems.convergence(systems.get("fitzhugh-nagumo"), ["0.1 ms", "0.05 ms", "0.025 ms"])
    rk4 = [row.error for row in rows if row.method == "rk4"]
    euler = [row.error for row in rows if row.method == "exponential_euler"]
    assert rk4[0] / rk4[1] == pytest.approx(16, rel=0.2)
    assert rk4[1] / rk4[2] == pytest.approx(16, rel=0.2)
    assert euler[1] / euler[2] == pytest.approx(2, rel=0.1)


def test_hodgkin_huxley_errors_of_the_science_literature():
    """At I = 10 the last of 14 spikes in 200 ms is 3.5e-4 ms off with RK4 at 0.025 ms."""
    import dataclasses

    from snnsurrogate.systems import Benchmark

    system = systems.get("hodgkin-huxley")
    one = dataclasses.replace(system, benchmark=Benchmark(duration="200 ms", at=({"I": 10.0},)))
    (rk4,) = systems.convergence(one, ["0.025 ms"], methods=["rk4"])
    assert rk4.error * 200 < 3.5e-4
    (euler,) = systems.convergence(one, ["0.01 ms"], methods=["exponential_euler"])
    assert euler.error * 200 == pytest.approx(0.98, rel=0.2)


def test_default_step_rule():
    rows = [
        Convergence(dt=dt, method="rk4", error=error)
        for dt, error in (("1 ms", 1e-7), ("0.002 s", 3e-6), ("4 ms", 1e-3), ("5 ms", 1e-9))
    ]
    assert default_step(rows, 1e-5) == "0.002 s"
    with pytest.raises(ValueError, match="no step of rk4"):
        default_step(rows, 1e-9)


def test_errors_say_what_is_missing():
    import dataclasses

    bare = dataclasses.replace(systems.get("sherman"), benchmark=None)
    with pytest.raises(ValueError, match="no benchmark"):
        systems.convergence(bare)
    with pytest.raises(ValueError, match="unknown method 'euler'"):
        systems.convergence(systems.get("sherman"), ["1 ms"], methods=["euler"])
    with pytest.raises(ValueError, match="does not divide"):
        systems.convergence(systems.get("fitzhugh-nagumo"), ["0.3 ms"], methods=["rk4"])


def test_page_lists_every_table():
    from pathlib import Path

    page = systems.convergence_page([systems.get(name) for name in systems.names("neuron")])
    stored = Path(__file__).parents[2] / "docs" / "convergence.md"
    assert page == stored.read_text(), "run systems.convergence_page and store it as docs page"
    assert "| 1 ms | 1.9e-06 |" in page
