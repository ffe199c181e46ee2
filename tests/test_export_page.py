"""The page for those who only want the data: its blocks are taken out and run, in order."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "export.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
pytestmark = pytest.mark.slow

SHOW = """
print("samples", ds.sizes["sample"], slow.sizes["sample"], weak.sizes["sample"])
print("spikes", [t.size for t in trains] == ds["spike_count"].values.tolist(), len(spikes))
print("rates", np.allclose(
    rate[:, 0], ds["rate_E"].isel(time=slice(1, None)).mean("time") * 300 * 2, rtol=1e-4))
print("grid", dict(mean.sizes), float(abs(one - ds["rate_E"][3]).max()))
print("near", near.tau_EE.item(), near.S_EI.item())
print("table", open("features.csv").readline().strip(), len(table), series.shape)
print("events", int(events["event_count"].sum()) == events.sizes["event"])
print("torch", len(data), tuple(batch["values"].shape), tuple(batch["parameters"].shape))
print("grid file", sorted(xr.open_dataset("grid.nc").sizes))
"""


def run(folder, *blocks):
    """Run blocks one after another in a process of their own; return what they print, by word."""
    program = "\n".join(blocks)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return dict(
        line.split(" ", 1) for line in done.stdout.replace("grid file", "file").splitlines()
    )


def test_the_network_part(tmp_path):
    *blocks, _ = BLOCKS
    shown = run(tmp_path, *blocks, SHOW)
    assert shown["samples"] == "6 2 3"
    right, total = shown["spikes"].split()
    assert right == "True"
    assert int(total) > 6 * 2 * (300 * 15 + 100 * 30)
    assert shown["rates"] == "True"
    # sample 3 of the grid: the second tau_EE, the second S_EI
    assert shown["grid"] == "{'tau_EE': 3, 'S_EI': 2} 0.0"
    assert shown["near"] == "2.0 5.0"
    assert shown["table"] == "tau_EE,S_EI,rate_E,chi,peak_frequency 6 (2001, 2)"
    assert shown["events"] == "True"
    # (2001 - 100) // 50 + 1 windows of each of 6 samples
    assert shown["torch"] == "234 (32, 100, 3) (32, 2)"
    assert shown["file"] == "['S_EI', 'tau_EE', 'time', 'voltage']"


@pytest.mark.brian
def test_the_neuron_part(tmp_path):
    first, *_, last = BLOCKS
    imports = "\n".join(line for line in first.splitlines() if line.startswith("import"))
    shown = run(tmp_path, "import warnings", imports, "warnings.simplefilter('default')", last,
                "print('v', v.sizes['time'], float(v.max()) > 1.0)")  # fmt: skip
    assert shown["v"] == "1251 True"


def test_the_page_on_networks_runs(tmp_path):
    page = (PAGE.parent / "network_features.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    show = "print('labels', [sns.features.regime_names(ds)[k] for k in labels.values])\n"
    show += "print('events', (events['event_rate'].values > 40).all(), spectrum.sizes['sample'])"
    shown = run(tmp_path, block, show)
    assert shown == {"labels": "['synchronous', 'synchronous']", "events": "True 2"}
