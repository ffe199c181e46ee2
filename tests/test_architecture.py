"""The house: layering, fences, light import, sizes. Checked on the source, not by convention."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "snnsurrogate"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# A room imports only from rooms to its left.
ROOMS = [
    "_names",
    "_user_files",
    "_shipped",
    "_progress",
    "_cache",
    "units",
    "schema",
    "kernels",
    "protocols",
    "systems",
    "features",
    "dataset",
    "simulate",
    "surrogate",
    "dynamics",
    "evaluate",
    "report",
    "bench",
    "_studies",
    "_catalogue",
    "_options",
    "_output",
    "cli",
]
WHOLE = {"_catalogue", "_options", "cli"}  # may `import snnsurrogate`, as a user does
FENCES = {
    "brian2": ["simulate"],
    "torch": ["surrogate"],
    "safetensors": ["surrogate"],
    "matplotlib": ["report"],
    "seaborn": ["report"],
    "typer": ["cli.py"],
    "rich": ["cli.py", "_output.py", "_progress.py"],
}


def room(path: Path) -> str:
    """Return the room of a file; "" for the package's own __init__ and __main__."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts[0] in {"__init__", "__main__"} else parts[0]


def imports(path: Path, source: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute dotted name) of every import in a file, nested ones included."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(source if source is not None else path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                yield node.lineno, ".".join([*base, alias.name])


def upward(path: Path, source: str | None = None) -> list[str]:
    """Return the imports of a file that go against the order of the rooms."""
    here = room(path)
    found = []
    for line, name in imports(path, source):
        top, _, rest = name.partition(".")
        there = rest.split(".")[0]
        if top != "snnsurrogate" or not here or (name == top and here in WHOLE):
            continue
        if there not in ROOMS or ROOMS.index(there) > ROOMS.index(here):
            found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return found


def fenced(path: Path, source: str | None = None) -> list[str]:
    """Return the imports of a heavy library outside the rooms it belongs to."""
    relative = path.relative_to(PACKAGE).as_posix()
    found = []
    for line, name in imports(path, source):
        allowed = FENCES.get(name.split(".")[0])
        if allowed is not None and not any(
            relative == a or relative.startswith(a + "/") for a in allowed
        ):
            found.append(f"{relative}:{line} imports {name}; only {allowed} may")
    return found


def test_every_room_is_known():
    rooms = {room(path) for path in SOURCES} - {""}
    assert rooms <= set(ROOMS), f"not in the order of rooms: {sorted(rooms - set(ROOMS))}"


def test_rooms_import_only_from_rooms_above():
    assert [line for path in SOURCES for line in upward(path)] == []


def test_heavy_libraries_stay_in_their_rooms():
    assert [line for path in SOURCES for line in fenced(path)] == []


@pytest.mark.parametrize(
    ("source", "check"),
    [
        ("from snnsurrogate.report import report", upward),
        ("from ..evaluate import evaluate", upward),
        ("def f():\n    import torch.nn", fenced),
        ("from matplotlib import pyplot", fenced),
    ],
)
def test_the_checks_can_fail(source, check):
    assert len(check(PACKAGE / "features" / "example.py", source)) == 1


def test_import_is_light():
    code = (
        "import sys, snnsurrogate\n"
        "heavy = {'brian2', 'torch', 'matplotlib', 'numba', 'sympy', 'typer'} & set(sys.modules)\n"
        "sys.exit(f'import snnsurrogate loads {sorted(heavy)}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr


def test_functions_are_not_hidden_by_the_rooms_of_the_same_name():
    code = (
        "import importlib, snnsurrogate as sns\n"
        "for room in ('simulate', 'evaluate', 'report'):\n"
        "    importlib.import_module(f'snnsurrogate.{room}')\n"
        "    assert callable(getattr(sns, room)), f'sns.{room} is {getattr(sns, room)}'"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_files_are_small_and_raise_errors(path):
    text = path.read_text()
    assert text.count("\n") <= 400, "over 400 lines: is it still one thing?"
    asserts = [n.lineno for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Assert)]
    assert asserts == [], "raise an error that says what to do; `python -O` removes asserts"


def test_studies_use_only_the_public_api():
    found = []
    for path in sorted((ROOT / "studies").glob("*.py")):
        for line, name in imports(path):
            if re.match(r"snnsurrogate\..*", name) and not name.startswith("snnsurrogate.__"):
                inner = name.split(".")[1:]
                if len(inner) > 1 or inner[0].startswith("_"):
                    found.append(f"{path.name}:{line} imports {name}")
            if name.split(".")[0] in {"brian2", "torch", "matplotlib"}:
                found.append(f"{path.name}:{line} imports {name}")
    assert found == [], "a study imports `snnsurrogate` itself, not its insides"


def test_package_never_imports_studies():
    assert not [
        f"{path.name}:{line}"
        for path in SOURCES
        for line, name in imports(path)
        if name.split(".")[0] == "studies"
    ]


def test_dependencies_are_few_and_bounded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", line)[0].lower() for line in project["dependencies"]}
    assert len(names) <= 14, sorted(names)
    numpy = [d for d in project["dependencies"] if d.startswith("numpy")]
    assert any("<2.4" in d and "python_version < '3.12'" in d for d in numpy)


def test_version_is_said_once():
    import snnsurrogate

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert snnsurrogate.__version__ == project["version"]


def test_no_absolute_paths_of_a_machine():
    suffixes = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".txt"}
    words = re.compile(r"(?<![\w.])/(home|Users|work|root|tmp|opt)/[\w.-]")
    skip = {".venv", ".git", "runs", "build", "dist", "_build"}
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in ROOT.rglob("*")
        if path.suffix in suffixes and not skip & set(path.relative_to(ROOT).parts)
        for match in words.finditer(path.read_text(errors="replace"))
        if path != Path(__file__).resolve()
    ]
    assert found == []
