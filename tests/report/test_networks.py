"""Pages of networks: every panel drawn, chapters, given tables, what is missing said."""

import json

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate.report import _page, _style, report
from snnsurrogate.report._view import View
from snnsurrogate.report.figures import NETWORK_PANELS
from tests import network_runs as runs


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Draw small: the tests read the page, not the picture."""
    monkeypatch.setattr(_style, "DPI", 30)


@pytest.fixture(scope="module")
def plane():
    return sns.evaluate(runs.plane(0), runs.plane(1), twin=runs.plane(2))


@pytest.fixture
def only(monkeypatch):
    """Draw only the panels of these names."""

    def choose(*names):
        chosen = tuple(p for p in NETWORK_PANELS if p.name in names)
        monkeypatch.setattr(_page, "NETWORK_PANELS", chosen)

    return choose


def drawn(text):
    return {p.name for p in NETWORK_PANELS if f'id="{p.name}"' in text}


def test_presets_give_every_panel_of_a_network(tmp_path):
    scores = runs.scores().copy()
    scores.coords["sample_name"] = ("sample", list(runs.PRESETS))
    text = report(scores, tmp_path / "page.html").read_text()
    wanted = {p.name for p in NETWORK_PANELS if not p.optional}
    assert drawn(text) == wanted
    assert {p.stem for p in (tmp_path / "figures").glob("*.png")} == wanted
    assert "Not drawn" not in text
    assert "truth against <b>another seed</b>" in text
    assert "regime agreement, clear points" in text
    assert "Fixed points" not in text


def test_a_plane_is_drawn_as_a_map(plane, tmp_path, only):
    only("regimes", "plane")
    text = report(plane, tmp_path / "page.html", png=False).read_text()
    assert 'id="plane"' in text
    x, y, index = View(plane).plane
    np.testing.assert_allclose(x, [17.0, 20.0])
    np.testing.assert_allclose(y, [1.4, 2.0, 4.0])
    np.testing.assert_allclose(plane["tau_EE"].values[index], y[:, None] + 0 * x)
    assert "6 of 6 samples lie on the truth's side" in text.replace("&#x27;", "'")


def test_labels_across_a_threshold_are_counted(plane, tmp_path, only):
    only("regimes")
    wrong = plane.copy(deep=True)
    wrong["regime_sharp"].loc[{"source": "surrogate"}][:2] = 2
    wrong["regime_sharp"].loc[{"source": "truth"}][:2] = 3
    wrong["regime"].loc[{"source": "surrogate"}][2] = -1
    text = report(wrong, tmp_path / "page.html", png=False).read_text()
    assert "4 of 6 samples lie on" in text


def test_chapters_and_tables(plane, tmp_path, only):
    only("regimes", "synchrony")
    given = [
        {"title": "Gate", "caption": "a -> b", "head": ["set", "Hz"], "rows": [["one", "23.2"]]}
    ]
    first = runs.scores().assign_attrs(tables=json.dumps(given))
    text = report(first, tmp_path, more={"The plane, twice": plane}).read_text()
    assert "<h2>Gate</h2>" in text
    assert "a → b" in text
    assert '<td class="n">23.2</td>' in text
    assert "<h1>The plane, twice</h1>" in text
    assert (tmp_path / "figures" / "the-plane--twice-regimes.png").is_file()
    assert text.count("<h2>Scores</h2>") == 2
    with pytest.raises(ValueError, match="expected the scores"):
        report(first, tmp_path, more={"no scores": xr.Dataset()})


def test_costs_are_drawn_where_they_were_measured(tmp_path, only):
    only("cost")
    scores = runs.scores().assign_coords(cost_engine=["exact", "brian2"], cost_size=[400, 1600])
    scores["cost"] = (
        ("cost_engine", "cost_size"),
        [[0.2, np.nan], [0.5, 2.0]],
        {"comment": "at fixed drive"},
    )
    text = report(scores, tmp_path / "page.html", png=False).read_text()
    assert 'id="cost"' in text
    assert "at fixed drive" in text


def test_errors_against_distance_are_drawn_where_distances_are_known(plane, tmp_path, only):
    only("distance")
    about = {"comment": "in widths of the box"}
    known = plane.assign(training_distance=("sample", np.linspace(0.1, 0.3, 6), about))
    assert "in widths of the box" in report(known, tmp_path / "a.html", png=False).read_text()
    assert 'id="distance"' not in report(plane, tmp_path / "b.html", png=False).read_text()


def test_portraits_are_of_pending_kicks_or_else_of_rates(plane, tmp_path, only):
    only("portrait")
    share = plane["portrait"].sum(("portrait_x", "portrait_y")).values
    assert share.min() > 0.99  # a few rare volleys lie beyond the picture
    assert share.max() <= 1.0 + 1e-6
    assert "Pending kicks" in report(plane, tmp_path / "a.html", png=False).read_text()
    lean = [ds.drop_vars("H_EE") for ds in (runs.plane(0), runs.plane(1))]
    rates = sns.evaluate(*lean, twin=False)
    assert list(rates["portrait_axis"].values) == ["rate_E", "rate_I"]
    assert "field" not in rates
    assert "Rates in bins" in report(rates, tmp_path / "b.html", png=False).read_text()


def test_parameters_that_vary_as_one_span_one_axis(plane):
    lambda_e = np.where(plane["S_EI"] > 18, 8.0, 6.0)
    two = plane.assign_coords(
        lambda_E=("sample", lambda_e), lambda_I=("sample", lambda_e), S_EI=("sample", np.ones(6))
    )
    two.attrs["swept"] = json.dumps(["lambda_E", "lambda_I", "tau_EE"])
    assert View(two).swept == ["lambda_E", "tau_EE"]
    assert View(two).plane is not None


def test_what_was_not_recorded_is_said(tmp_path, only):
    only("correlation", "spectrogram")
    less = runs.scores().drop_vars(["correlation", "spectrogram"])
    text = report(less, tmp_path / "page.html", png=False).read_text()
    assert "needs cross-correlations" in text
    assert "needs spectrograms" in text


def test_a_surrogate_without_cells_and_a_failed_sample(tmp_path):
    bare = runs.failed(runs.presets(1), 1).drop_dims("spike")
    bare = bare.drop_vars("spike_count", errors="ignore")
    scores = sns.evaluate(runs.presets(0), bare, twin=False)
    text = report(scores, tmp_path / "page.html", png=False).read_text()
    assert "2 of 3 samples" in text
    assert "No twin was given" in text
    assert "Not drawn" not in text
