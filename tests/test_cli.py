"""The command line: what it prints, what it refuses, and with which exit status."""

import json

import numpy as np
import pytest

from snnsurrogate import _options, _output, _studies, bench, cli, dataset, schema
from tests.surrogate.conftest import decay_dataset

COMMANDS = ["systems", "simulate", "check", "fit", "rollout", "evaluate", "report", "study"]
COMMANDS += ["bench"]
STUDY = '''"""Does it run?

Question: does it run?   Expect: yes.   Data: none.   Result: it does.
"""
PRESETS = {"tiny": 1, "quick": 2}

def main(preset="quick", out=None, seed=0):
    out.mkdir(parents=True)
    (out / "report.html").write_text(f"{preset} {seed}")
'''


@pytest.fixture
def call(capsys):
    """Run the command line; gives (exit status, stdout, stderr)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return run


def test_help_names_every_command(call):
    status, out, _ = call("--help")
    assert status == 0
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_shows_an_example(call, command):
    status, out, _ = call(command, "--help")
    assert status == 0
    assert f"snnsurrogate {command}" in out.split("Options")[0].split("Usage:")[1][20:]


def test_systems_are_listed_and_shown(call):
    assert "sherman-bistable" in call("systems")[1]
    status, out, _ = call("systems", "sherman")
    assert status == 0
    assert "tau_S" in out
    assert "[0, 0.5]" in out, "ranges must not be eaten as markup"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["systems", "shermn"], "Did you mean 'sherman'"),
        (["study", "bursting-mop"], "no study 'bursting-mop'"),
        (["study", "nowhere.py"], "no study file nowhere.py"),
        (["bench", "--only", "rolout"], "Did you mean 'rollout'"),
        (["report", "nowhere.nc"], "no file nowhere.nc"),
        (["--use", "nowhere.py", "systems"], "no file 'nowhere.py'"),
    ],
)
def test_a_users_error_is_one_line(call, arguments, words):
    status, out, err = call(*arguments)
    assert status == 2
    assert words in err
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert "Traceback" not in err + out


def test_unknown_command_names_the_nearest(call):
    status, _, err = call("simulat")
    assert status == 2
    assert "simulate" in err


def test_debug_shows_where(capsys):
    with pytest.raises(ValueError, match="shermn"):
        cli.main(["--debug", "systems", "shermn"])


DESIGN = {
    "grid": None,
    "sobol": None,
    "lhs": None,
    "points": None,
    "initial": None,
    "n": None,
    "repeats": 1,
    "seed": 0,
}


def test_grid_is_low_high_count_or_a_list():
    plan = _options.design(**{**DESIGN, "grid": ["V_S=-44:-33:3", "g_S=3.9,4.1"]})
    assert len(plan) == 6
    assert np.unique(plan.parameters["V_S"]).tolist() == [-44.0, -38.5, -33.0]
    assert np.unique(plan.parameters["g_S"]).tolist() == [3.9, 4.1]


def test_boxes_and_initial_states():
    given = {"sobol": ["V_S=-44 mV:-33 mV"], "n": 8, "initial": ["V=-65:-20", "n=0.02"]}
    plan = _options.design(**{**DESIGN, **given})
    assert len(plan) == 8
    assert plan.parameters["V_S"].min() >= -44
    assert np.ptp(plan.initial["V"]) > 10
    assert set(plan.initial["n"]) == {0.02}


def test_points_file(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("V_S, g_S,initial_V\n-44,4,-60\n-40,4.1,-50\n")
    plan = _options.design(**{**DESIGN, "points": path})
    assert plan.parameters["V_S"].tolist() == [-44.0, -40.0]
    assert plan.initial["V"].tolist() == [-60.0, -50.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("V_S\nfast\n", "line 2, column 'V_S': 'fast' is not a number"),
        ("V_S,g_S\n-44,4\n-40,4,1\n", "line 3: 3 values; the header names 2"),
        ("V_S,g_S\n-44\n", "line 2: 1 values; the header names 2"),
        ("V_S,\n-44,4\n", "a name for every column"),
        ("V_S,V_S\n-44,4\n", "each once"),
        ("V_S\n", "has no row"),
    ],
)
def test_points_file_that_cannot_be_read(tmp_path, text, words):
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        _options.design(**{**DESIGN, "points": path})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grid": ["V_S"]}, "is not name=value"),
        ({"grid": ["V_S=-44:-33"]}, "expected low:high:count"),
        ({"sobol": ["V_S=-44"], "n": 4}, "expected low:high"),
        ({"sobol": ["V_S=-44:-33"]}, "add -n"),
        ({"grid": ["V_S=1,2"], "lhs": ["V_S=1:2"]}, "one kind of design"),
        ({"grid": ["V_S=1,2", "V_S=3,4"]}, "names V_S twice"),
        ({"sobol": ["V_S=1:2", "V_S=3:4"], "n": 4}, "names V_S twice"),
        ({"initial": ["V=1", "V=2"]}, "names V twice"),
        ({"grid": ["V_S=1,2"], "n": 4}, "-n 4 is for --sobol and --lhs; --grid needs no -n"),
        ({"n": 4}, "-n 4 is for --sobol and --lhs"),
    ],
)
def test_ranges_that_cannot_be_read(given, words):
    with pytest.raises(ValueError, match=words):
        _options.design(**{**DESIGN, **given})


def test_settings_are_json_or_text():
    found = _options.settings(["hidden=[64,64]", "dtype=float32", "steps=5"])
    assert found == {"hidden": [64, 64], "dtype": "float32", "steps": 5}


def test_a_study_of_ones_own_runs_and_its_page_is_named(call, tmp_path):
    path = tmp_path / "my_study.py"
    path.write_text(STUDY)
    folder = tmp_path / "out"
    status, out, err = call("study", path, "--preset", "tiny", "--out", folder, "--set", "seed=3")
    assert (status, err) == (0, "")
    assert (folder / "report.html").read_text() == "tiny 3"
    assert str(folder / "report.html") in out
    assert _studies.find(str(path)).question == "Does it run?"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--preset", "quik"], "Did you mean 'quick'"),
        (["--set", "sead=3"], "does not take ['sead']"),
        (["--set", "preset=tiny"], "write --preset tiny, not --set"),
        (["--set", "out=x"], "write --out x, not --set"),
        (["--set", "name=x"], "does not take ['name']"),
    ],
)
def test_a_study_refuses_what_it_does_not_know(call, tmp_path, more, words):
    path = tmp_path / "my_study.py"
    path.write_text(STUDY)
    status, _, err = call("study", path, "--out", tmp_path / "out", *more)
    assert status == 2
    assert words in err
    assert not (tmp_path / "out").exists()


BROKEN = {
    "def f(:": "line 1: SyntaxError",
    "import no_such_module": "line 1: ModuleNotFoundError: No module named 'no_such_module'",
    "x = 1\nlen(3)": "line 2: TypeError",
}


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize(
    "command",
    [
        ["--use", "FILE", "systems"],
        ["simulate", "FILE", "--duration", "1 s", "--record-every", "1 ms", "--out", "a.nc"],
        ["study", "FILE", "--out", "out"],
    ],
)
def test_a_file_of_ones_own_with_a_mistake_is_one_line(call, tmp_path, monkeypatch, text, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(text)
    status, _, err = call(*("mine.py" if word == "FILE" else word for word in command))
    assert status == 2
    assert err.startswith("error: ")
    assert f"mine.py, {BROKEN[text]}" in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize("command", ["simulate", "fit", "rollout"])
def test_a_negative_seed_is_refused(call, command):
    status, _, err = call(command, "--seed", "-1")
    assert status == 2
    assert "--seed" in err
    assert "Traceback" not in err


class Standing:
    """A surrogate that stays where it starts, and remembers how it was called."""

    def rollout(self, initial, parameters, duration, *, protocol, seed):
        assert protocol is None  # nothing drove the dataset
        self.called = {"initial": initial, "parameters": parameters, "seed": seed}
        n = len(initial["x"])
        return schema.select(decay_dataset(np.linspace(1, 2, n)), np.arange(n))


@pytest.fixture
def standing(monkeypatch):
    import snnsurrogate as sns

    surrogate = Standing()
    monkeypatch.setattr(sns, "load", lambda name: surrogate)
    return surrogate


def test_rollout_hands_over_all_parameters_and_the_seed(call, tmp_path, standing):
    truth = decay_dataset(np.array([0.5, 1.0, 1.5]))
    dataset.save(truth, tmp_path / "truth.nc")
    given = ["s", "--initial-from", tmp_path / "truth.nc", "--seed", 7]
    status, out, err = call("rollout", *given, "--out", tmp_path / "made")
    assert (status, err) == (0, "")
    assert f"wrote {tmp_path / 'made.nc'}" in out
    assert dataset.check(tmp_path / "made.nc") == []
    assert set(standing.called["parameters"]) == {"rate", "unused"}
    assert standing.called["seed"] == 7
    np.testing.assert_array_equal(standing.called["initial"]["x"], truth["x"].values[:, 0])


@pytest.mark.filterwarnings("default")
def test_rollout_leaves_out_samples_that_are_not_ok(call, tmp_path, standing):
    truth = decay_dataset(np.array([0.5, 1.0, 1.5]))
    truth["x"].values[1] = np.nan
    truth["status"].values[1] = schema.FLAGS["diverged"]
    path = dataset.save(truth, tmp_path / "truth.nc")
    roll = ["rollout", "s", "--initial-from", path, "--out", tmp_path / "made.nc"]
    status, _, err = call(*roll)
    assert status == 0
    assert err.startswith("warning: 1 of 3 samples of ")
    assert standing.called["parameters"]["rate"].tolist() == [0.5, 1.5]
    truth["status"].values[:] = schema.FLAGS["diverged"]
    dataset.save(truth, path)
    status, _, err = call(*roll)
    assert status == 2
    assert "none of the 3 samples" in err


@pytest.mark.parametrize(
    "command",
    [
        ["rollout", "s", "--initial-from", "a.nc", "--out", "a"],
        ["evaluate", "a.nc", "b.nc", "--out", "a.nc"],
        ["evaluate", "b.nc", "a.nc", "--out", "a.nc"],
        ["evaluate", "b.nc", "b.nc", "--twin", "a.nc", "--out", "sub/../a.nc"],
        ["report", "a.nc", "--out", "a.nc"],
        ["fit", "recurrent-map", "a.nc", "--out", "a.nc"],
    ],
)
def test_an_input_is_never_overwritten(call, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.nc").write_text("kept")
    status, _, err = call(*command)
    assert status == 2
    assert "--out would overwrite the input a.nc" in err
    assert (tmp_path / "a.nc").read_text() == "kept"


def test_what_is_written_is_netcdf(call, tmp_path):
    assert _options.netcdf(tmp_path / "a.nc") == tmp_path / "a.nc"
    assert _options.netcdf(tmp_path / "a") == tmp_path / "a.nc"
    assert _options.netcdf(tmp_path / "V-0.5") == tmp_path / "V-0.5.nc"
    status, _, err = call("evaluate", "a.nc", "b.nc", "--out", "sc.json")
    assert status == 2
    assert "--out sc.json ends in .json; this writes netCDF" in err


def test_a_failed_json_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.json"
    _output.write_json({"a": 1}, path)
    with pytest.raises(TypeError):
        _output.write_json({"a": object()}, path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_bench_prints_a_table_and_writes_json(call, tmp_path, monkeypatch):
    ratio = bench.Figure(benchmark="fake", name="a / b", value=41.0, unit="1", target=30)
    monkeypatch.setattr(bench, "BENCHMARKS", {"fake": lambda quick: [ratio]})
    status, out, _ = call("bench", "--out", tmp_path / "bench.json")
    assert status == 0
    assert "41" in out
    assert "≥ 30" in out
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["figures"][0]["value"] == 41.0
    assert written["machine"]["cores"] >= 1


@pytest.mark.slow
@pytest.mark.brian
@pytest.mark.filterwarnings("ignore::snnsurrogate.surrogate.ExtrapolationWarning")
def test_every_step_from_a_system_to_a_page(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = ["--record-every", "10 ms", "--duration"]
    train = ["simulate", "sherman", "--sobol", "V_S=-44:-33", "-n", 8, *record, "4 s"]
    status, out, _ = call(*train, "--initial", "V=-65:-20", "--out", "train.nc")
    assert status == 0
    assert "8 samples (8 ok), 401 times each" in out
    assert call("check", "train.nc")[:2] == (0, "train.nc: ok\n")
    fit = ["fit", "recurrent-map", "train.nc", "--set", "hidden=[8]", "--budget", "3 s"]
    assert call(*fit, "--out", "surrogate")[0] == 0
    test = ["simulate", "sherman", "--grid", "V_S=-40:-33:3", *record, "20 s"]
    assert call(*test, "--transient", "10 s", "--out", "test.nc")[0] == 0
    roll = ["rollout", "surrogate", "--initial-from", "test.nc", "--duration", "2 s"]
    assert call(*roll, "--out", "short.nc")[0] == 0
    assert call("check", "short.nc")[0] == 0
    status, out, _ = call("evaluate", "test.nc", "surrogate", "--out", "scores.nc")
    assert status == 0
    assert "agreement" in out
    flat = json.loads((tmp_path / "scores.json").read_text())
    assert set(flat["agreement"]) == {"value", "unit", "floor"}
    assert flat["agreement"]["floor"] == 1.0
    assert call("report", "scores.nc", "--out", "page.html")[0] == 0
    assert "3 held-out samples" in (tmp_path / "page.html").read_text()
    # an existing file of another sweep is refused and left alone
    before = (tmp_path / "test.nc").read_bytes()
    status, _, err = call(*test, "--transient", "5 s", "--out", "test.nc")
    assert status == 2
    assert "nothing was overwritten" in err
    assert (tmp_path / "test.nc").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"CDF\x01 cut short", b"\x89HDF\r\n\x1a\n" + b"\0" * 99])
def test_check_names_what_is_wrong_with_a_foreign_file(call, tmp_path, content):
    path = tmp_path / "foreign.nc"
    path.write_bytes(content)
    status, out, _ = call("check", path)
    assert status == 1
    assert "violation" in out


def test_catalogue_names_everything_that_is_registered(call):
    import snnsurrogate as sns
    from snnsurrogate.evaluate.metrics import METRICS

    status, out, _ = call("systems", "--markdown")
    assert status == 0
    names = [*sns.systems.names(), *sns.models.names(), *METRICS, *sns.features.FEATURES]
    names += sns.baselines.names()
    assert [name for name in names if f"`{name}`" not in out] == []


def test_protocols_are_read_from_text_and_files(tmp_path):
    from snnsurrogate import protocols

    step = protocols.step("amplitude", start="5 ms")
    (tmp_path / "step.json").write_text(step.to_json())
    text = "step('amplitude', start='5 ms')"
    (tmp_path / "step.txt").write_text(text + "\n")
    for given in (text, step.to_json(), str(tmp_path / "step.json"), str(tmp_path / "step.txt")):
        assert _options.protocol(given) == step
    assert _options.protocol(None) is None


@pytest.mark.brian
def test_simulate_takes_a_protocol(call, tmp_path):
    status, _, err = call(
        "simulate", "hodgkin-huxley", "--grid", "amplitude=2,10", "--duration", "20 ms",
        "--record-every", "0.1 ms", "--protocol", "step('amplitude', start='5 ms')",
        "--out", tmp_path / "driven.nc",
    )  # fmt: skip
    assert status == 0, err
    assert dataset.open(tmp_path / "driven.nc")["I"].values[:, -1].tolist() == [2, 10]
    status, _, err = call(
        "simulate", "hodgkin-huxley", "--duration", "20 ms", "--record-every", "0.1 ms",
        "--protocol", "stepp(3)", "--out", tmp_path / "driven.nc",
    )  # fmt: skip
    assert status == 2
    assert "Did you mean 'step'?" in err


def test_rollout_of_a_network_starts_in_its_own_regime(call, tmp_path):
    import snnsurrogate as sns

    truth = tmp_path / "truth.nc"
    sns.save(schema.select(sns.open("markov-if-mini"), np.arange(2)), truth)
    status, out, err = call(
        "rollout", "network-surrogate", "--initial-from", truth, "--out", tmp_path / "made.nc"
    )
    assert status == 0, err
    made = sns.open(tmp_path / "made.nc")
    assert made.sizes["sample"] == 2
    assert made.attrs["kind"] == "rollout"
