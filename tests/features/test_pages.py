import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.skipif(not DOCS.is_dir(), reason="pages are part of a checkout")
@pytest.mark.parametrize("script", ["make_engines.py", "make_features.py", "make_event_map.py"])
def test_pages_say_what_was_measured(script):
    done = subprocess.run(
        [sys.executable, str(DOCS / script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
