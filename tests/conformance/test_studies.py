"""Every shipped study, whatever it asks: loads, says what it expects, runs in its tiny preset."""

import ast
import json

import pytest

from snnsurrogate import _studies

STUDIES = _studies.studies()
every = pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))


@every
def test_states_question_and_expectation_before_the_result(study):
    parts = ["Question:", "Expect:", "Data:", "Result:"]
    where = [study.text.find(part) for part in parts]
    assert -1 not in where, f"{study.path.name} lacks {parts[where.index(-1)]}"
    assert where == sorted(where)
    assert study.question.endswith("?")


@every
def test_has_presets_and_runs_nothing_on_import(study):
    module = _studies._load(study)
    assert {"tiny", "quick", "full"} <= set(module.PRESETS)
    assert callable(module.main)


@every
def test_is_thin(study):
    text = study.path.read_text()
    assert text.count("\n") <= 400
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.While)]
    assert not calls, "a loop that waits or iterates belongs into the package"


@every
@pytest.mark.slow
@pytest.mark.brian
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tiny_preset_writes_scores_and_page_and_is_reused(study, tmp_path):
    _studies.run(study.name, preset="tiny", out=tmp_path)
    flat = json.loads((tmp_path / "scores.json").read_text())
    assert flat
    assert all({"value", "unit", "floor"} <= set(entry) for entry in flat.values())
    assert (tmp_path / "report.html").is_file()
    assert list((tmp_path / "figures").glob("*.png"))
    data = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").glob("*.nc")}
    assert data
    _studies.run(study.name, preset="tiny", out=tmp_path)
    again = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").glob("*.nc")}
    assert again == data, "what is there and matches is reused"
