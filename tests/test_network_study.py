"""Helpers of the study network-surrogate: points, records end to end, what counts as reached."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import _studies
from tests import network_runs as runs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def study():
    return _studies._load(_studies.find("network-surrogate"))


def test_training_points_reach_beyond_the_box_and_are_dense_where_excitation_is_fast(study):
    box = study.box
    points = box.training_points(64)
    for name, (low, high) in box.BOX.items():
        ends = np.log((low, high)) if name == "tau_EE" else np.array((low, high))
        values = np.log(points[name]) if name == "tau_EE" else points[name]
        margin = box.WIDER * np.ptp(ends)
        assert ends[0] - margin <= values.min() < ends[0]
        assert ends[1] < values.max() <= ends[1] + margin
    assert (points["tau_EE"][32:] <= box.FAST).all()
    np.testing.assert_array_equal(points["lambda_I"], points["lambda_E"])


def test_test_points_are_inside_the_box_with_the_presets_last(study):
    points = study.box.with_presets(study.box.sobol(8, 2024))
    assert points["tau_EE"][-3:].tolist() == [4.0, 2.0, 1.3]
    for name, (low, high) in study.box.BOX.items():
        assert ((points[name] >= low) & (points[name] <= high)).all()


def test_records_laid_end_to_end_hold_every_spike_once(study):
    parts = [runs.plane(0), runs.plane(1)]
    joined = study.box.end_to_end(parts)
    assert joined.attrs["duration"] == "20 s"
    assert joined.sizes["time"] == 20_001
    counts = [sns.features.counts(ds, "E", "1 ms").sum("time").values for ds in parts]
    got = sns.features.counts(joined, "E", "1 ms").sum("time").values
    np.testing.assert_array_equal(got, counts[0] + counts[1])
    assert sns.regimes(joined).sizes["sample"] == 6


def entries(**values):
    return {k: {"value": v, "unit": "1", "floor": 1.0} for k, v in values.items()}


def flat(study, **other):
    found = {f"{n}_{end}": 0.01 for n in study.tables.ERRORS for end in ("median", "max")}
    found |= {f"{n}_ratio": 1.0 for n in study.tables.EVENTS}
    return entries(**{**found, "labels_differing_clear": 0.0, "labels_differing": 1.0, **other})


def test_over_seeds_takes_the_median_and_of_largest_errors_the_largest(study):
    several = [flat(study, chi_error_median=v, chi_error_max=4 * v) for v in (1.0, 1.2, 5.0)]
    merged = study.tables.over_seeds(several)
    assert merged["chi_error_median"]["value"] == 1.2
    assert merged["chi_error_max"]["value"] == 20.0
    assert merged["chi_error_max"]["values"] == [4.0, 4.8, 20.0]


def test_labels_have_to_hold_for_every_seed(study):
    seeds = [flat(study), flat(study), flat(study, labels_differing_clear=1.0)]
    judged = study.tables.judged(study.tables.over_seeds(seeds))
    assert judged["labels_differing_clear"]["value"] == 0.0
    assert not judged["labels_differing_clear"]["met"]
    assert judged["labels_differing"]["met"]
    assert not judged["labels_differing"]["hope_met"]
    missing = study.tables.judged(flat(study, chi_error_max=None))
    assert not missing["chi_error_max"]["met"]


def test_fresh_points_are_allowed_more(study):
    one = [flat(study, chi_error_max=6.5)]
    merged = study.tables.over_seeds(one)
    assert not study.tables.judged(merged)["chi_error_max"]["met"]
    assert study.tables.judged(merged, fresh=True)["chi_error_max"]["met"]


def test_a_left_out_regime_is_read_by_the_chi_of_the_truth(study):
    chi = np.array([[0.3, 0.9, 1.1, 1.4], [0.3, 0.9, 0.9, 1.12]])
    scores = {
        "chi": (("source", "sample"), chi),
        "regime_sharp": (("source", "sample"), [[1, 2, 3, 3], [1, 2, 2, 3]]),
        "sample_population_rate_error_E": (("source", "sample"), np.ones((2, 4))),
    }
    ds = xr.Dataset(scores, {"source": ["truth", "surrogate"]})
    table, found = study.tables.breakdown(ds)
    assert found["unseen_labels"]["value"] == 0.5
    assert not found["unseen_labels"]["hope_met"]
    assert found["chi[1.2 to 1.5].chi_off_median"]["value"] == pytest.approx(-20.0)
    assert [row[1] for row in table["rows"]] == ["1", "1", "1", "1"]


def test_planes_are_scored_beside_a_second_seed(study, tmp_path):
    size = study.Preset(planes=("S_EE",), plane=(2, 2), plane_record="1 s")
    for folder in ("data", "scores"):
        (tmp_path / folder).mkdir()
    model = sns.baselines.get("nearest-run").fit(runs_of(study))
    with warnings.catch_warnings():  # short records, and a table of four points
        warnings.simplefilter("ignore", UserWarning)
        scores = study.over_plane(size, model, "S_EE", tmp_path)
    assert scores.sizes["sample"] == 4
    assert list(scores["source"].values) == ["truth", "surrogate", "twin"]


def runs_of(study):
    return study.box.simulated(study.box.training_points(4), "1 s", None, seed=0)


def test_speeds_are_kept_for_the_model_they_are_of(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study.speed, "measured", lambda model, **how: {"exact": len(model.card)})
    size, path = study.Preset(), tmp_path / "speed.json"
    first = study.SimpleNamespace(card={"checksum": "a"})
    other = study.SimpleNamespace(card={"checksum": "b", "more": 1})
    assert study.speeds(size, first, path) == {"exact": 1}
    path.write_text(path.read_text().replace('"exact": 1', '"exact": 7'))
    assert study.speeds(size, first, path) == {"exact": 7}
    assert study.speeds(size, other, path) == {"exact": 2}


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_page_says_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_network_surrogate.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((ROOT / "data" / "network-surrogate" / "study.json").read_text())
    for part in ("heldout", "fresh"):  # labels hold for every training seed
        assert found[f"{part}.labels_differing_clear"]["values"] == [0, 0, 0]
    atlas = json.loads((ROOT / "data" / "network-surrogate" / "atlas.json").read_text())
    assert atlas["check.atlas_labels_clear"]["value"] >= 0.95
    assert atlas["failed_points"]["value"] == 0
