"""Names, presets, parameter values, and a user's own file."""

import subprocess
import sys
import textwrap

import pytest

from snnsurrogate import systems
from snnsurrogate.systems import _registry

OWN = textwrap.dedent(
    '''
    """A leaky membrane."""
    from snnsurrogate.systems import Parameter, State, System

    SYSTEM = System(
        name="{name}",
        title="leaky membrane",
        source="a test",
        equations="dV/dt = (E - V)/tau : volt",
        parameters=(
            Parameter(name="tau", value=10.0, unit="ms", low=1.0, high=100.0, meaning="time"),
            Parameter(name="E", value=-60.0, unit="mV", low=-90.0, high=0.0, meaning="rest"),
        ),
        states=(State(name="V", unit="mV", scale=1.0, low=-90.0, high=50.0, initial=-70.0,
                      meaning="potential"),),
        time_unit="ms",
        dt="0.1 ms",
    )
    '''
)


@pytest.fixture(autouse=True)
def _registry_restored(monkeypatch):
    monkeypatch.setattr(_registry, "_SYSTEMS", dict(_registry._SYSTEMS))
    monkeypatch.setattr(_registry, "_ORIGIN", dict(_registry._ORIGIN))


def test_the_promised_systems_are_there():
    promised = {
        "sherman",
        "sherman-bistable",
        "hodgkin-huxley",
        "fitzhugh-nagumo",
        "fitzhugh-nagumo-c",
        "bonhoeffer-van-der-pol",
        "hh-vn",
        "morris-lecar",
        "hindmarsh-rose",
        "wang-buzsaki",
    }
    assert promised <= set(systems.names())


def test_presets_share_equations():
    plain, bistable = systems.get("sherman"), systems.get("sherman-bistable")
    assert plain.equations_hash == bistable.equations_hash
    assert plain.defaults["g_K2"] == 0.0
    assert bistable.defaults["g_K2"] == 0.12
    assert plain.kernel().f is bistable.kernel().f


def test_parameters_in_units_and_quantities():
    assert systems.get("sherman", V_S=-36).defaults["V_S"] == -36.0
    assert systems.get("sherman", V_S="-0.036 V").defaults["V_S"] == -36.0
    assert systems.get("sherman").defaults["V_S"] == -40.0  # unchanged
    assert systems.get("sherman", tau_S="2000 ms").defaults["tau_S"] == 2.0


@pytest.mark.parametrize(
    ("name", "parameters", "match"),
    [
        ("shermann", {}, "no system 'shermann'; expected one of .*Did you mean 'sherman'"),
        ("sherman", {"V_s": -36}, "'V_s' is no parameter of 'sherman'.*Did you mean 'V_S'"),
        ("sherman", {"V_S": 0.0}, r"V_S is 0 mV; expected a value in \[-50, -25\] mV"),
        ("sherman", {"V_S": "3 s"}, "V_S is '3 s'; expected .*'mV'"),
        ("sherman", {"V_S": float("nan")}, r"expected a value in \[-50, -25\]"),
        ("sherman", {"g_K2": "0.1 mV"}, "dimensionless"),
    ],
)
def test_bad_names_and_values(name, parameters, match):
    with pytest.raises(ValueError, match=match):
        systems.get(name, **parameters)


def test_own_file(tmp_path):
    path = tmp_path / "leak.py"
    path.write_text(OWN.format(name="leak"))
    made = systems.register(path)
    assert systems.get("leak", tau=5).rhs([-70.0]) == pytest.approx([2.0])
    assert made.name in systems.names()
    with pytest.raises(ValueError, match="already registered"):
        systems.register(path)


def test_own_class_or_declaration():
    system = systems.get("sherman")
    import dataclasses

    class Mine:
        def __new__(cls):
            return dataclasses.replace(system, name="mine")

    assert systems.register(Mine).name == "mine"
    assert systems.register(dataclasses.replace(system, name="yours")).name == "yours"
    with pytest.raises(ValueError, match="'yours' from .* already registered"):
        systems.register(dataclasses.replace(system, name="yours"))


def test_what_cannot_be_registered(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a Python file that defines SYSTEM"):
        systems.register(tmp_path / "nothing.py")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="defines no SYSTEM"):
        systems.register(tmp_path / "empty.py")
    (tmp_path / "taken.py").write_text(OWN.format(name="sherman"))
    with pytest.raises(ValueError, match="sherman, which is already registered"):
        systems.register(tmp_path / "taken.py")
    (tmp_path / "typo.py").write_text(OWN.format(name="typo").replace("/tau :", "/tua :"))
    with pytest.raises(ValueError, match="Did you mean 'tau'"):
        systems.register(tmp_path / "typo.py")
    assert "typo" not in systems.names()
    with pytest.raises(ValueError, match="cannot register 3"):
        systems.register(3)


def test_describe_shows_units_ranges_and_source():
    text = systems.get("sherman", V_S=-36).describe()
    for part in ("V_S", "-36", "mV", "[-50, -25]", "dV/dt", "15 ms", "PNAS 89:2471", "1.9e-06"):
        assert part in text


def test_compiled_code_is_kept_on_disk(tmp_path):
    code = "from snnsurrogate import systems; systems.get('fitzhugh-nagumo').kernel()"
    environment = {"SNNSURROGATE_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code]
    kept = []
    for _ in range(2):
        subprocess.run(command, check=True, env=environment)
        kept.append({p.name: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nb[ic]")})
    assert len(kept[0]) == 4  # index and code of f and jac
    assert kept[0] == kept[1]  # the second process compiled nothing


def test_unwritable_cache_falls_back_to_memory(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = (
        "from snnsurrogate import systems; import numpy as np;"
        "k = systems.get('fitzhugh-nagumo').kernel(); assert np.isfinite(k([1., 0.])).all()"
    )
    environment = {"SNNSURROGATE_CACHE": str(blocked), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment)
