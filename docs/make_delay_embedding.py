"""Measure the embedding of scalar series and write the tables of docs/delay_embedding.md.

    python docs/make_delay_embedding.py --measure [--seconds N]  simulate, embed, keep the numbers
    python docs/make_delay_embedding.py                          write from the numbers kept
    python docs/make_delay_embedding.py --check                  exit 1 if the page says otherwise

What is kept in docs/delay_embedding.json is not measured again; with ``--seconds`` no new piece of
work begins after that time (exit status 75 while some is left). About a quarter of an hour of one
core. None of the numbers is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _page import BEGIN, END, write_or_check

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "delay_embedding.json"
PAGE = ROOT / "docs" / "delay_embedding.md"
SAMPLES = 15_000
WINDOWS = (0.5, 1.0, 2.0)  # spans, in units of what the rule asks for
SEEDS = range(3)
LATER = 75  # exit status

Flow = Callable[[float, np.ndarray], list[float]]


def _rossler(t: float, u: np.ndarray) -> list[float]:
    x, y, z = u
    return [-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)]


def _rossler_hyperchaos(t: float, u: np.ndarray) -> list[float]:
    x, y, z, w = u
    return [-y - z, x + 0.25 * y + w, 3 + x * z, -0.5 * z + 0.05 * w]


def _lorenz(t: float, u: np.ndarray) -> list[float]:
    x, y, z = u
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def _hyperchaotic_lorenz(t: float, u: np.ndarray) -> list[float]:
    x, y, z, w = u
    return [10 * (y - x) + w, 28 * x - y - x * z, x * y - 8 / 3 * z, -y * z - w]


def _van_der_pol(t: float, u: np.ndarray) -> list[float]:
    return [u[1], 5 * (1 - u[0] ** 2) * u[1] - u[0]]


# name -> (flow, initial state, sampling step, transient, component)
FLOWS: dict[str, tuple[Flow, list[float], float, float, int]] = {
    "Roessler, x": (_rossler, [1, 1, 0], 0.1, 200, 0),
    "Roessler, z": (_rossler, [1, 1, 0], 0.05, 200, 2),
    "van der Pol, mu = 5": (_van_der_pol, [1, 1], 0.05, 100, 0),
    "hyperchaotic Lorenz, x": (_hyperchaotic_lorenz, [1, 1, 1, 1], 0.02, 100, 0),
    "Lorenz-63, x": (_lorenz, [1, 1, 20], 0.02, 50, 0),
    "hyperchaotic Roessler, x": (_rossler_hyperchaos, [-10, -6, 0, 10.1], 0.1, 100, 0),
}
# name -> ratio of the two frequencies, weight of the second
TORI = {"torus, ratio sqrt 2": (np.sqrt(2), 0.7), "torus, golden ratio": ((1 + 5**0.5) / 2, 0.8)}
# name -> (system, parameters, sampling step, transient, state)
NEURONS: dict[str, tuple[str, dict[str, float], str, str, str]] = {
    "FitzHugh-Nagumo cycle, v": ("fitzhugh-nagumo", {"I": 0.5}, "0.4 ms", "500 ms", "v"),
    "Morris-Lecar cycle, V": ("morris-lecar", {}, "1 ms", "2 s", "V"),
    "Hindmarsh-Rose, x": ("hindmarsh-rose", {"I": 3.25}, "0.5 ms", "2 s", "x"),
}
for _v_s, _step in ((-42, 10), (-38, 10), (-34.5, 10), (-38, 20), (-36, 10), (-36, 5), (-36, 20)):
    NEURONS[f"bursting neuron, V_S = {_v_s} mV, V every {_step} ms"] = (
        "sherman", {"V_S": _v_s}, f"{_step} ms", "40 s", "V",
    )  # fmt: skip
for _state in ("n", "S"):
    NEURONS[f"bursting neuron, V_S = -36 mV, {_state} every 10 ms"] = (
        "sherman", {"V_S": -36}, "10 ms", "40 s", _state,
    )  # fmt: skip
BURSTING = "bursting neuron, V_S = -36 mV, V every 10 ms"
DEVELOPMENT = {
    "Roessler, x": 3, "Roessler, z": 3, "van der Pol, mu = 5": 2, "hyperchaotic Lorenz, x": 4,
    "Morris-Lecar cycle, V": 2, "Hindmarsh-Rose, x": 3, "torus, ratio sqrt 2": 4,
    "bursting neuron, V_S = -42 mV, V every 10 ms": 3,
    "bursting neuron, V_S = -38 mV, V every 10 ms": 3,
    "bursting neuron, V_S = -34.5 mV, V every 10 ms": 3,
    "bursting neuron, V_S = -38 mV, V every 20 ms": 3,
}  # fmt: skip
TEST = {
    BURSTING: 3, "Lorenz-63, x": 3, "FitzHugh-Nagumo cycle, v": 2, "torus, golden ratio": 4,
    "hyperchaotic Roessler, x": 4,
}  # fmt: skip
VARIED = {
    "bursting neuron, V_S = -36 mV, V every 5 ms": 3,
    "bursting neuron, V_S = -36 mV, V every 20 ms": 3,
    "bursting neuron, V_S = -36 mV, n every 10 ms": 3,
    "bursting neuron, V_S = -36 mV, S every 10 ms": 3,
}
NOISE = (0.01, 0.05)  # of the standard deviation


@cache
def series(name: str, noise: float = 0.0) -> Any:
    """A series by its name, with noise in units of its standard deviation."""
    import snnsurrogate as sns
    from snnsurrogate.surrogate import embedding

    if name in NEURONS:
        system, parameters, step, transient, state = NEURONS[name]
        value, unit = step.split()
        ds = sns.simulate(
            system,
            sns.Design.points({k: [v] for k, v in (parameters or {"I": 90.0}).items()}),
            duration=f"{SAMPLES * float(value):g} {unit}",
            record_every=step,
            transient=transient,
            progress=False,
        )
        found = embedding.series_of(ds, state)
        x, more = found.pieces[0], {"unit": found.unit, "time_step": found.time_step}
    else:
        x, more = _orbit(name), {}
    x = x + noise * x.std() * np.random.default_rng(5).normal(size=x.size)
    return embedding.Series(pieces=(x,), name=name, **more)


def _orbit(name: str) -> np.ndarray:
    if name in TORI:
        ratio, weight = TORI[name]
        t = 0.1 * np.arange(SAMPLES)
        return np.asarray(np.sin(t) + weight * np.sin(ratio * t + 1))
    from scipy.integrate import solve_ivp

    flow, start, step, transient, component = FLOWS[name]
    t = transient + step * np.arange(SAMPLES)
    run = solve_ivp(flow, (0, t[-1]), start, method="LSODA", rtol=1e-8, atol=1e-9, t_eval=t)
    return np.asarray(run.y[component])


def work() -> dict[str, Callable[[], dict[str, Any]]]:
    """Name of a piece of work -> what does it."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for name in TEST:
        found[f"choice|{name}|1|0"] = lambda name=name: choice(name, 1.0, 0.0)
    found[f"plain|{BURSTING}|1|0"] = lambda: choice(BURSTING, 1.0, 0.0, ())
    for seed in SEEDS:
        found[f"decoded|{BURSTING}|{seed}"] = lambda seed=seed: decoded(BURSTING, seed)
    for name in TEST:
        for factor in WINDOWS:
            key = f"choice|{name}|{factor:g}|0"
            found[key] = lambda name=name, factor=factor: choice(name, factor, 0.0)
    for noise in NOISE:
        found[f"choice|{BURSTING}|1|{noise:g}"] = lambda noise=noise: choice(BURSTING, 1.0, noise)
    for name in list(VARIED)[:2]:
        found[f"decoded|{name}|0"] = lambda name=name: decoded(name, 0)
    for name in VARIED | DEVELOPMENT:
        found[f"choice|{name}|1|0"] = lambda name=name: choice(name, 1.0, 0.0)
    return found


def choice(
    name: str, factor: float, noise: float, averages: tuple[float, ...] | None = None
) -> dict[str, Any]:
    """Window and dimension of a series, with the curves."""
    from snnsurrogate.surrogate import embedding

    given = series(name, noise)
    window = 1 + max(6, round(factor * (embedding.choose_window(given) - 1)))
    started = time.process_time()
    table = embedding.select_dimension(given, window=window, averages=averages)
    curves = ("predictability", "neighbours", "future", "unpredicted", "reconstruction",
              "false_neighbours", "e1")  # fmt: skip
    return {
        "window": window,
        "averages": json.loads(table.attrs["averages"]),
        "dimension": table.attrs["dimension"],
        "warning": table.attrs["warning"],
        "votes": json.loads(table.attrs["votes"]),
        "seconds": round(time.process_time() - started, 1),
        **{k: [float(f"{v:.4g}") for v in table[k].values] for k in curves},
    }


def decoded(name: str, seed: int) -> dict[str, Any]:
    """Error of the newest sample, decoded from three latents, on a third that was held out."""
    import torch

    from snnsurrogate.surrogate import embedding

    given = series(name)
    x = given.pieces[0]
    cut = 2 * x.size // 3
    window = embedding.choose_window(given)
    config = embedding.DelayVAE(
        latent=3, window=window, averages=embedding.choose_averages(given, window)
    )
    module: Any = config.build(generator_seed=seed)
    started = time.process_time()
    embedding.train(module, config.vectors([x[:cut]]), seed=seed)
    seconds = time.process_time() - started
    held = torch.tensor(config.vectors([x[cut:]])[0])
    with torch.no_grad():
        wrong = module.decode(module.encode(held)) - held
    return {
        "newest": float(wrong[:, -1].square().mean().sqrt()),
        "window_rms": float(wrong.square().mean().sqrt()),
        "largest": float(wrong[:, -1].abs().max()),
        "range": float(np.ptp(x)),
        "unit": given.unit,
        "window": config.window,
        "seconds": round(seconds, 1),
    }


def measure(seconds: float) -> int:
    """Do what is not kept yet, for some time."""
    import torch

    torch.set_num_threads(1)
    started = time.perf_counter()
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    for key, do in work().items():
        if key in kept:
            continue
        if time.perf_counter() - started > seconds:
            return LATER
        kept[key] = do()
        print(key, {k: v for k, v in kept[key].items() if not isinstance(v, list)}, flush=True)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


def block(kept: dict[str, Any]) -> str:
    """The tables of what is kept."""
    plain = kept[f"plain|{BURSTING}|1|0"]
    varied = [(n, 1.0, 0.0) for n in VARIED] + [(BURSTING, 1.0, noise) for noise in NOISE]
    parts: dict[str, list[str] | None] = {
        "Test series, looked at once but for the bursting neuron (see above):": _choices(
            kept, [(n, f, 0.0) for n in TEST for f in WINDOWS], TEST, window=True
        ),
        f"The bursting neuron without an average: **{plain['dimension']}**, warning "
        f"{plain['warning']}, votes {', '.join(str(n) for n in plain['votes'].values())}, "
        f"unpredicted {', '.join(f'{v:.2g}' for v in plain['unpredicted'])}.": None,
        "The same neuron, recorded otherwise:": _choices(kept, varied, VARIED | TEST),
        "Development series, on which the constants were set:": _choices(
            kept, [(n, 1.0, 0.0) for n in DEVELOPMENT], DEVELOPMENT
        ),
        "Newest sample decoded from three latents, on the held-out third:": _decoded(kept),
    }
    lines = [f"{BEGIN}; written by docs/make_delay_embedding.py -->"]
    for title, rows in parts.items():
        if rows is None:
            lines += [title, ""]
        elif rows:
            lines += [title, "", *rows, ""]
    return "\n".join([*lines, END])


def _decoded(kept: dict[str, Any]) -> list[str]:
    rows = []
    for key, v in kept.items():
        kind, name, *rest = key.split("|")
        if kind == "decoded":
            rows.append(
                f"| {name} | {rest[0]} | {v['window']} | {v['newest']:.3f} {v['unit']} | "
                f"{v['largest']:.2f} | {v['window_rms']:.3f} | {v['range']:.1f} | "
                f"{v['seconds']:.0f} s |"
            )
    head = ["| series | seed | window | newest, rms | largest error | whole window, rms | range "
            "| time |", "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    return head + rows if rows else []


def _choices(
    kept: dict[str, Any],
    rows: list[tuple[str, float, float]],
    right: dict[str, int],
    *,
    window: bool = False,
) -> list[str]:
    found = []
    head = ["| series | samples in the window | expected | chosen | warning | smooth map, "
             "nearest, future | false neighbours, 1, 2, ... | unpredicted, 1, 2, ... |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, factor, noise in rows:
        v = kept.get(f"choice|{name}|{factor:g}|{noise:g}")
        if v is None:
            continue
        about = f"{name}, noise {100 * noise:g} %" if noise else name
        size = f"{v['window']}" + (f" ({factor:g} of the rule)" if window else "")
        size += "".join(f", average {t:g}" for t in v["averages"])
        votes = ", ".join(str(n) for n in v["votes"].values())
        false = ", ".join(f"{100 * s:.1f}" for s in v["false_neighbours"][:4])
        left = ", ".join(f"{s:.2g}" for s in v["unpredicted"])
        mark = "" if v["dimension"] == right[name] else " ✗"
        found.append(
            f"| {about} | {size} | {right[name]} | {v['dimension']}{mark} | {v['warning']} | "
            f"{votes} | {false} % | {left} |"
        )
    return head + found if found else []


def main() -> int:
    """Measure, write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=float, default=np.inf)
    chosen = parser.parse_args()
    if chosen.measure:
        status = measure(chosen.seconds)
        if status:
            return status
    sys.argv = [sys.argv[0], *(["--check"] if chosen.check else [])]
    kept = json.loads(KEPT.read_text())
    return write_or_check(PAGE, block(kept), script="docs/make_delay_embedding.py")


if __name__ == "__main__":
    raise SystemExit(main())
