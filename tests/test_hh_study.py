"""Helpers of the study hh-gru: what is trained on is not tested on, and what counts as reached."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import _studies


@pytest.fixture(scope="module")
def study():
    return _studies._load(_studies.find("hh-gru"))


def inputs(battery):
    """Every constant current of a battery but 0, which is rest."""
    every = {*battery.rates, *battery.latencies, battery.shaped, *battery.released, *battery.steady}
    return {float(v) for v in every} - {0.0}


def test_training_development_and_test_share_no_input(study):
    trained = {float(v) for v in study.stimuli.STEPS}
    released = {float(v) for v, _ in study.stimuli.PULSES}
    test, development = sns.Battery(), study.stimuli.DEVELOPMENT
    assert not trained & (inputs(test) - set(test.released))
    assert not released & set(map(float, test.released))
    assert not set(test.noise) & set(development.noise)
    assert test.seed != development.seed
    assert not inputs(test) & inputs(development)
    assert not trained & inputs(development)
    assert not released & set(map(float, development.released))


def test_every_case_has_a_model_of_its_name(study):
    for name, model in study.MODELS.items():
        assert name.endswith(f"-{model.units}")
    sizes = {
        name: sum(int(np.prod(shape)) for _, shape in model.blocks(0).values())
        for name, model in study.MODELS.items()
    }
    for d in (2, 3):  # a baseline with fewer numbers would prove nothing
        assert sizes[f"mlp-{d}"] == pytest.approx(sizes[f"gru-{d}"], rel=0.1)
    for case in study.PRESETS["full"].cases:
        assert case in study.MODELS
        assert study.words(case)


def flat(**values):
    return {k: {"value": v, "unit": "%", "floor": 0.0} for k, v in values.items()}


def test_two_of_three_seeds_have_to_reach_a_goal(study):
    seeds = [flat(rate_error_max=v) for v in (0.2, 0.4, 0.9)]
    merged = study.tables.over_seeds(seeds, "d = 3, 4")["rate_error_max"]
    assert (merged["value"], merged["reached"], merged["met"]) == (0.4, 2, True)
    worse = study.tables.over_seeds([*seeds[1:], flat(rate_error_max=None)], "d = 3, 4")
    assert worse["rate_error_max"]["value"] is None  # one side alone has a rate
    assert worse["rate_error_max"]["met"] is False
    one = study.tables.over_seeds([flat(rate_error_max=0.9)], "d = 2")["rate_error_max"]
    assert one["met"]


def test_a_measurement_is_taken_from_its_file_only_if_it_is_of_the_same(study, tmp_path):
    calls = []

    class Source:
        def rollout(self, *args, **more):
            calls.append(1)
            msg = "no run"
            raise RuntimeError(msg)

    path = tmp_path / "x.nc"
    battery = study.stimuli.SMALL
    with pytest.raises(RuntimeError):
        study.tables.measured(Source(), "a", path, battery)
    assert not path.exists()
    held = xr.Dataset({"rate": ("current", [1.0])})
    held.attrs["made_of"] = json.dumps(["a", asdict(battery), 1, sns.__version__])
    held.to_netcdf(path, engine="netcdf4")
    assert float(study.tables.measured(Source(), "a", path, battery)["rate"][0]) == 1.0
    assert len(calls) == 1
    with pytest.raises(RuntimeError):  # another source
        study.tables.measured(Source(), "b", path, battery)


def test_scores_between_training_values(study):
    def made(rate):
        return xr.Dataset(
            {"rate": (("value", "current"), rate), "trained": ("value", [True, False, True])},
            coords={"value": [6.0, 8.0, 10.0], "current": [5.0, 10.0, 20.0]},
        )

    nan = np.nan
    truth = made([[nan, 60.0, 80.0], [nan, 70.0, 90.0], [nan, nan, 100.0]])
    found = made([[99.0, 99.0, 99.0], [50.0, 70.7, 88.2], [1.0, 1.0, 1.0]])
    scores = {k: v for k, (v, _) in study.conditioning.compared(truth, found).items()}
    assert scores["rate_error_mean"] == pytest.approx(1.5)  # 1 % and 2 %, at 8 alone
    assert scores["rate_error_max"] == pytest.approx(2.0)
    assert scores["cells_right"] == pytest.approx(200 / 3)
    assert scores["onset_error_max"] == pytest.approx(5.0)
