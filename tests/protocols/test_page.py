"""The page on protocols, followed: its code is taken out of it and run in one go."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocols.md"
pytestmark = [pytest.mark.slow, pytest.mark.brian]


@pytest.mark.skipif(not PAGE.is_file(), reason="pages are part of a checkout")
def test_the_examples_run_and_print_what_they_say():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counts, held, joined = done.stdout.splitlines()
    # From latencies, first intervals and rates of the reference: 1.8 + 14.9 + 14.6 k ms at 10,
    # 1.2 + 12.0 + 11.6 k at 20 uA/cm**2, within 90 ms; at 5 the axon fires once.
    assert counts == "[1 7 8]"
    assert held in PAGE.read_text()
    assert joined in PAGE.read_text()
