"""The page: self-contained, complete, and honest about what is missing."""

import re
import struct

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.report import _page, _style, plots, report
from snnsurrogate.report._view import Score, View, number, pretty_unit
from snnsurrogate.report.figures import PANELS as EVERY

PANELS = tuple(panel for panel in EVERY if not panel.optional)
SHARP = _style.DPI


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Draw small: the tests read the page, not the picture."""
    monkeypatch.setattr(_style, "DPI", 30)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(_page, "PANELS", ())


def test_page_is_one_file_that_asks_for_nothing(scores, tmp_path):
    page = report(scores, tmp_path / "page.html")
    text = page.read_text()
    assert page == tmp_path / "page.html"
    assert text.count("data:image/png;base64,") == len(PANELS)
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "<script" not in text
    assert not re.search(r"https?://|@import|url\(", text)
    assert "$" not in re.sub(r"<pre>.*?</pre>|base64,[^\"]*", "", text), "unfilled place"
    assert not list(tmp_path.glob("*.partial"))


def test_every_figure_is_a_png_beside_the_page(scores, tmp_path, monkeypatch):
    monkeypatch.setattr(_style, "DPI", SHARP)
    report(scores, tmp_path)
    files = {p.stem: p for p in (tmp_path / "figures").glob("*.png")}
    assert set(files) == {p.name for p in PANELS}
    for path in files.values():
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, _ = struct.unpack(">II", data[16:24])
        assert width > 1200, "too small to print"


def test_page_shows_the_numbers(scores, tmp_path, monkeypatch):
    monkeypatch.setattr(_page, "PANELS", PANELS[:1])
    text = report(scores, tmp_path / "page.html", png=False).read_text()
    assert "0.978" in text
    assert "−33.775" in text
    assert "−33.71" in text
    assert "× 4" in text  # burst period: 0.4 % against a floor of 0.1 %
    assert "Sherman-Rinzel bursting neuron" in text
    assert "dV/dt = -(I_Ca + I_K) / tau" in text
    assert "recurrent-map" in text
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        (["fp_state", "fp_eigenvalue_real", "fp_eigenvalue_imag"], "needs fixed points"),
        (["isi_value", "isi_parameter", "isi_source"], "needs interspike intervals"),
        (["trace_V", "trace_S"], "needs example traces"),
        (["spikes_per_burst", "burst_period"], "needs features of the rhythm"),
    ],
)
def test_what_is_missing_is_said(scores, tmp_path, drop, words, monkeypatch):
    less = scores.drop_vars(drop)
    lacking = [p for p in PANELS if p.missing(View(less))]
    assert lacking
    monkeypatch.setattr(_page, "PANELS", lacking)
    text = report(less, tmp_path / "page.html").read_text()
    assert words in text


def test_without_a_twin_the_page_says_there_is_no_floor(scores, tmp_path):
    alone = scores.sel(source=["truth", "surrogate"])
    text = report(alone, tmp_path / "page.html").read_text()
    assert "No twin was given" in text


def test_missing_labels_and_failed_fixed_points_are_drawn_as_gaps(scores, tmp_path):
    scores["regime"][1, 3:6] = -1
    scores["fp_state"][1, 10:20] = np.nan
    scores["fp_eigenvalue_real"][1, 10:20] = np.nan
    text = report(scores, tmp_path / "page.html").read_text()
    assert "found at 35 of 45 samples" in text


def test_two_swept_parameters_give_a_plane(scores, tmp_path):
    both = scores.assign_coords(g=("sample", np.tile([3.0, 4.0, 5.0], 15), {"role": "parameter"}))
    both.attrs["swept"] = '["V_S", "g"]'
    text = report(both, tmp_path / "page.html").read_text()
    assert "needs a single swept parameter" in text  # the fixed-point branch
    assert 'id="regimes"><h2>Regimes</h2><figure>' in text


def test_another_dataset_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected the scores that evaluate"):
        report(xr.Dataset({"V": ("time", [1.0])}), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_names_from_files_cannot_inject_html(scores, tmp_path, no_figures):
    scores.attrs["title"] = "<script>alert(1)</script>"
    assert "<script" not in report(scores, tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.978, "0.978"), (-33.775, "−33.77"), (0.0, "0"), (np.nan, "–"), (4e-5, "4.00e−5")],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


def test_ratio_is_the_distance_from_the_ideal_over_the_floors():
    common = {"name": "a", "label": "a", "unit": "1", "better": "higher", "ideal": 1.0}
    assert Score(value=0.9, floor=0.95, **common).ratio == pytest.approx(2.0)
    assert np.isnan(Score(value=0.9, floor=1.0, **common).ratio)


def test_units_and_view(scores):
    assert pretty_unit("1") == ""
    assert pretty_unit("uA/cm**2") == "µA/cm²"
    view = View(scores)
    assert view.swept == ["V_S"]
    assert view.x_label == r"$V_{\mathrm{S}}$ (mV)"
    assert view.regime_labels == ["quiescent", "tonic", "bursting"]


def test_figures_of_the_caller_stand_on_a_page_without_records(tmp_path):
    def score(name, value, floor):
        attrs = {"units": "%", "ideal": 0.0, "better": "lower", "long_name": name}
        return {name: ((), value, attrs | {"role": "score"}), f"{name}_floor": ((), floor, attrs)}

    scores = xr.Dataset(score("rate_error_mean", 0.31, 0.02), attrs={"subtitle": "one neuron"})
    figure = _style.new_figure(2.0)
    figure.subplots().plot([0, 1], [0, 1])
    drawn = plots.Drawn(name="curve", title="A curve", caption="Rises.", figure=figure)
    text = report(scores, tmp_path, figures=[drawn]).read_text()
    assert text.count("data:image/png;base64,") == 1
    assert "Not drawn" not in text
    assert all(words in text for words in ("A curve", "Rises.", "one neuron", "0.31", "0.02"))
    assert "No twin was given" not in text
    assert (tmp_path / "figures" / "curve.png").read_bytes()[:4] == b"\x89PNG"
