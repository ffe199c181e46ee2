"""The recipes of the docs, followed: their code is taken out of the pages and run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "recipes"
pytestmark = [pytest.mark.slow, pytest.mark.brian]


def code(page: str) -> list[str]:
    """Return the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (RECIPES / page).read_text(), re.DOTALL)


def run(folder: Path, *lines: str) -> str:
    """Run lines in a process of their own (recipes register things); return what they print."""
    program = "\n".join(["import numpy as np", "import snnsurrogate as sns", *lines])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_neuron(tmp_path):
    file, use = code("neuron.md")
    (tmp_path / "my_neuron.py").write_text(file)
    out = run(
        tmp_path,
        use,
        "points = sns.dynamics.fixed_points('van-der-pol', {'a': np.array([0.5, 1.1])})",
        "print(points['x'].values.ravel())",
    )
    assert "[1 1 0]" in out, "tonic inside the Hopf points at a = -1 and 1, quiescent outside"
    found = re.findall(r"-\d\.\d+|-\d\.", out.splitlines()[-1])
    assert [float(v) for v in found[:2]] == pytest.approx([-0.5, -1.1])


def test_network(tmp_path):
    file, use = code("network.md")
    (tmp_path / "my_network.py").write_text(file)
    out = run(
        tmp_path,
        use,
        "from snnsurrogate import schema",
        "print(ds['status'].values.tolist(), sorted(schema.swept_of(ds)))",
        "print(bool((ds['rate_E'] > 0).any('time').all()), float(ds['v_E'].max()) < 20)",
        "print(sns.systems.get('noisy-ei:weak-inhibition').defaults['J_I'])",
    )
    rates = [float(v) for v in re.findall(r"\d+\.\d*", out.splitlines()[0])]
    assert len(rates) == 6
    assert rates[0] > rates[-1] > 1, "stronger inhibition lowers the rate"
    assert out.splitlines()[1:] == ["[0, 0, 0, 0, 0, 0] ['J_I', 'P']", "True True", "0.3"]


def test_surrogate(tmp_path):
    file, line = code("surrogate.md")
    assert "gated_map import GatedMap" in line
    (tmp_path / "gated_map.py").write_text(file)
    out = run(
        tmp_path,
        "from gated_map import GatedMap",
        "design = sns.Design.grid({'I': [0.0, 0.1]}, initial={'v': [-1.0, 0.5]})",
        "data = sns.simulate('fitzhugh-nagumo', design, duration='50 ms', record_every='0.2 ms')",
        "surrogate = sns.fit(GatedMap(hidden=6), data, budget='2 s')",
        "surrogate.save('saved')",
        "again = sns.load('saved').rollout({'v': 0.0, 'w': 0.0}, {'I': 0.05}, '1 ms')",
        "print(sns.models.get('gated-map').hidden, again.sizes['time'])",
    )
    assert out.split() == ["24", "6"]


def test_metric(tmp_path):
    file, line = code("metric.md")
    assert line.strip() == "from . import extent as extent"
    (tmp_path / "extent.py").write_text(
        file.replace("from ._base", "from snnsurrogate.evaluate.metrics")
    )
    out = run(
        tmp_path,
        "import extent",
        "from snnsurrogate.evaluate.metrics import METRICS, Record",
        "def record(high):",
        "    states = np.linspace(0, high, 50)[None, :, None]",
        "    return Record(states=states, time_step=0.1, horizon=1.0)",
        "metric = METRICS['extent_error']",
        "print(metric(record(2.0), record(2.0))[0], round(metric(record(2.0), record(3.0))[0], 9))",
        "print(metric(record(0.0), record(1.0))[0], metric(record(1.0), record(np.nan))[0])",
    )
    assert out.split() == ["0.0", "50.0", "nan", "1000.0"]


def test_study(tmp_path):
    (tmp_path / "my_question.py").write_text(code("study.md")[0])
    out = run(
        tmp_path,
        "from snnsurrogate.cli import main",
        "main(['study', 'my_question.py', '--preset', 'tiny', '--out', 'out'])",
    )
    assert "agreement" in out
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "surrogate" / "card.json").is_file()
