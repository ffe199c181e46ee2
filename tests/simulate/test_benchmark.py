"""The yardstick computes the same as the engine; its ratio is shown by the bench command."""

import pytest

from snnsurrogate.simulate.benchmark import brian2_against_kernel

pytestmark = pytest.mark.brian


def test_kernel_and_engine_agree():
    numbers = brian2_against_kernel(neurons=128, steps=2000, rounds=1)
    assert numbers["largest_difference"] < 1e-8
    assert numbers["ratio"] == numbers["program"] / numbers["kernel"]
    assert min(numbers[k] for k in ("kernel", "kernel_without_K2", "program", "simulate")) > 1e5
