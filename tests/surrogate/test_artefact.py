"""Surrogates on disk, and free runs from them."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate import ExtrapolationWarning, SurrogateError, artefact

M = sns.models
PLAN = (M.Adam(steps=100, batch=64), M.LevenbergMarquardt(iterations=10, points=240))


@pytest.fixture(scope="module")
def trained(decay):
    return sns.fit(M.RecurrentMap(hidden=(5,)), decay, schedule=PLAN)


@pytest.fixture
def folder(trained, tmp_path):
    return trained.save(tmp_path / "s")


def test_round_trip_is_exact(trained, folder):
    loaded = sns.load(folder)
    assert loaded.card == trained.card
    start, point = {"x": [0.2, -0.4], "y": [1e-5, 0.0]}, {"rate": [0.6, 1.5]}
    a, b = (s.rollout(start, point, "2 s") for s in (trained, loaded))
    np.testing.assert_array_equal(a.x, b.x)
    assert a.attrs["content_hash"] == b.attrs["content_hash"]


def test_nothing_is_pickled(folder):
    assert sorted(p.name for p in folder.iterdir()) == [artefact.CARD, artefact.WEIGHTS]
    json.loads((folder / artefact.CARD).read_text())


@pytest.mark.parametrize("name", [artefact.CARD, artefact.WEIGHTS])
def test_missing_and_altered_files_are_named(folder, name):
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(SurrogateError, match=name):
        sns.load(folder)
    path.write_bytes(whole.replace(b"1", b"2", 1) if name == artefact.CARD else whole[::-1])
    with pytest.raises(SurrogateError, match=name):
        sns.load(folder)
    path.unlink()
    with pytest.raises(SurrogateError, match=name):
        sns.load(folder)


def test_unknown_name_lists_what_ships(tmp_path):
    with pytest.raises(SurrogateError, match="neither a folder nor a shipped"):
        sns.load("no-such-map")


def test_rollout_is_a_valid_dataset_like_the_truth(trained, decay):
    out = trained.rollout({"x": 0.1, "y": 0.0}, {"rate": [0.6, 1.0]}, "1 s")
    assert schema.violations(out) == []
    assert out.attrs["kind"] == "rollout"
    assert out.sizes == {"sample": 2, "time": 11}
    assert [out[v].attrs["units"] for v in ("x", "y", "rate")] == ["mV", "1", "1/s"]
    np.testing.assert_array_equal(out.x[:, 0], 0.1)


def test_compiled_free_run_equals_torch(trained):
    out = trained.rollout({"x": 0.3, "y": 2e-5}, {"rate": 1.1}, "2 s")
    sc = trained.scaling
    x = torch.as_tensor(sc.states(np.array([[0.3, 2e-5]])))
    q = torch.as_tensor(sc.parameters(np.array([[1.1]])))
    with torch.no_grad():
        for _ in range(20):
            x = trained.module.step(x, q)
    want = sc.mean + sc.sd * x.numpy()[0]
    np.testing.assert_allclose([out.x[0, -1], out.y[0, -1]], want, rtol=1e-11, atol=1e-15)


def test_leaving_the_box_or_the_region_warns_with_numbers(trained):
    with pytest.warns(ExtrapolationWarning, match=r"rate leaves the trained range \[0.5, 2\]"):
        trained.rollout({"x": 0.1, "y": 0.0}, {"rate": [1.0, 2.5]}, "1 s")
    with pytest.warns(ExtrapolationWarning, match="region seen in training"):
        trained.rollout({"x": 5.0, "y": 0.0}, {"rate": 1.0}, "0.1 s")


def test_a_free_run_that_leaves_for_good_is_marked(trained):
    with pytest.warns(ExtrapolationWarning):
        out = trained.rollout({"x": [1e3, 0.1], "y": 0.0}, {"rate": 1.0}, "1 s")
    assert out.status.values.tolist() == [schema.FLAGS["diverged"], schema.FLAGS["ok"]]
    assert np.isnan(out.x[0]).all()
    assert np.isfinite(out.x[1]).all()


@pytest.mark.parametrize(
    ("initial", "parameters", "duration", "match"),
    [
        ({"x": 0.1}, {"rate": 1.0}, "1 s", "missing"),
        ({"x": 0.1, "y": 0.0}, {}, "1 s", "missing"),
        ({"x": 0.1, "y": 0.0}, {"rat": 1.0}, "1 s", "Did you mean 'rate'"),
        ({"x": 0.1, "y": 0.0}, {"rate": 1.0}, 1.0, "no unit"),
        ({"x": 0.1, "y": 0.0}, {"rate": 1.0}, "0.15 s", "whole number of steps"),
        ({"x": [0.1, 0.2], "y": 0.0}, {"rate": [1.0, 1.1, 1.2]}, "1 s", "lengths"),
        ({"x": np.nan, "y": 0.0}, {"rate": 1.0}, "1 s", "non-finite"),
    ],
)
def test_bad_rollout_arguments(trained, initial, parameters, duration, match):
    with pytest.raises(ValueError, match=match):
        trained.rollout(initial, parameters, duration)


def test_text_and_quantities_are_converted_and_checked(trained):
    class Quantity:
        """As pint's: 0.1 mV."""

        magnitude, units, dimensionality = 1e-4, "volt", "V"

    plain = trained.rollout({"x": 0.1, "y": 0.0}, {"rate": 1.0}, "1 s")
    for x, rate in (("0.1 mV", "1 / s"), ("100 uV", "0.001 / ms"), (Quantity(), 1.0)):
        out = trained.rollout({"x": x, "y": 0.0}, {"rate": rate}, "1 s")
        np.testing.assert_allclose(out.x, plain.x, rtol=1e-12)
    as_array = trained.rollout({"x": plain.x[:, 0], "y": 0.0}, {"rate": 1.0}, "1 s")
    np.testing.assert_array_equal(as_array.x, plain.x)
    with pytest.raises(ValueError, match="x is '0.1 s'; expected a unit of the dimension of 'mV'"):
        trained.rollout({"x": "0.1 s", "y": 0.0}, {"rate": 1.0}, "1 s")
    with pytest.raises(ValueError, match=r"initial is None.*\['x', 'y'\]"):
        trained.rollout(None, {"rate": 1.0}, "1 s")


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_leaves_the_older_surrogate(trained, folder, monkeypatch, room):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    left, write = [room], Path.write_bytes

    def full(self, data):
        left[0] -= 1
        if left[0] < 0:
            write(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            trained.save(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    sns.load(folder)


def test_a_mistyped_shipped_name_is_answered_with_the_nearest(folder, monkeypatch):
    monkeypatch.setattr(artefact._shipped, "folder", lambda name: folder.parent)
    folder.rename(folder.with_name("bursting-map"))
    assert sns.load("bursting-map").states == ("x", "y")
    with pytest.raises(SurrogateError, match="Did you mean 'bursting-map'"):
        sns.load("bursting-mop")
