"""Build of one network as a Brian2 standalone program; runs in a process of its own.

``python -m snnsurrogate.simulate._network_build`` reads a job (JSON) from stdin and leaves the
program ``main`` in the job's folder. The program reads plans and writes frames (see
:mod:`_network_protocol`); what it does besides Brian2's own steps is in ``network_driver.h``.

Order of the main program: read the plan, set parameters, step and delays, draw the connections,
prepare the spike queues (an empty run), then piece after piece.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

HEADER = Path(__file__).with_name("network_driver.h")
COMMON = "common.h"  # included by every file of a program
CONNECTIONS = -1  # stream of random numbers; pieces have the streams from 0 on

# Brian2 puts all of main into one scope: what is declared here is seen by PIECES_CODE.
PLAN_CODE = """
std::setvbuf(stdout, NULL, _IOFBF, 1 << 18);
snn::Driver driver;
std::vector<double> values;
if (!driver.plan.read(%(magic)dLL, %(n_parameters)d, values)) std::_Exit(0);
%(parameters)s
%(clock_dt)s[0] = driver.plan.dt;
driver.dt = driver.plan.dt;
snn::seed(_random_generators[0], driver.plan.seed, %(stream)d);
"""

PIECES_CODE = """
driver.timestep = %(timestep)s;
driver.t = %(t)s;
driver.timestep[0] = 0;
driver.t[0] = 0;
%(tables)s
driver.begin();
for (bool alive = true; alive; alive = driver.plan.read(%(magic)dLL, %(n_parameters)d, values)) {
    for (size_t i = 0; i < driver.histograms.size(); i++) driver.histograms[i].read();
    if (driver.plan.carry_bytes) driver.restore();
    snn::seed(_random_generators[0], driver.plan.seed, driver.plan.stream);
    driver.piece();
}
std::_Exit(0);
"""


def sources() -> str:
    """Everything of this module that ends up in a program: part of the key of the cache."""
    return HEADER.read_text() + Path(__file__).read_text()


def build(job: dict[str, Any]) -> None:
    """Generate and compile; the program is ``main`` in ``job["folder"]``."""
    warnings.simplefilter("ignore")
    import brian2

    folder = Path(job["folder"])
    (folder / HEADER.name).write_text(HEADER.read_text())
    includes = ("objects.h", "brianlib/common_math.h", "cmath", "ctime", "iostream", "fstream")
    (folder / COMMON).write_text("".join(f'#include "{name}"\n' for name in includes))
    brian2.prefs.codegen.cpp.extra_compile_args_gcc = job["flags"]
    brian2.prefs.codegen.cpp.headers = [f'"{HEADER.name}"']
    # Without a number, Brian2 2.9 starts one compiler per file.
    brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2", "-s"]
    brian2.prefs.core.stop_on_keyboard_interrupt = False
    brian2.set_device("cpp_standalone", directory=str(folder), build_on_run=False)
    program = _Program(brian2, job)
    brian2.device.insert_code("main", program.plan_code())
    program.connect()
    program.network.run(0 * brian2.second, namespace={})
    brian2.device.insert_code("main", program.pieces_code())
    brian2.device.build(directory=str(folder), compile=False, run=False, with_output=False)
    _precompile(folder)
    brian2.device.compile_source(str(folder), "unix", debug=False, clean=False)


def _precompile(folder: Path) -> None:
    """Parse the common header once: half the time of a build. Its failure is harmless."""
    makefile = folder / "makefile"
    lines = makefile.read_text().splitlines(keepends=True)
    place = next(k for k, line in enumerate(lines) if line.startswith("CXXFLAGS"))
    lines[place] = lines[place].replace("CXXFLAGS =", f"CXXFLAGS = -include {COMMON}", 1)
    makefile.write_text("".join(lines))
    rule = f"{COMMON}.gch: {COMMON}\n\t$(CXX) -x c++-header $(OPTIMISATIONS) -I. $< -o $@\n"
    extra = folder / "precompile.mk"
    extra.write_text("".join(line for line in lines if line.startswith("OPTIMISATIONS")) + rule)
    subprocess.run(
        ["make", "-s", "-f", extra.name, f"{COMMON}.gch"],
        cwd=folder,
        capture_output=True,
        check=False,
    )


class _Program:
    """The Brian2 objects of a network, and the names that their arrays have in C++."""

    def __init__(self, brian2: Any, job: dict[str, Any]):
        self.brian2, self.job = brian2, job
        self.clock = brian2.Clock(dt=1 * brian2.ms, name="sweep_clock")
        self.namespace = _functions(brian2, job["functions"])
        self.groups = {p["name"]: self._group(p) for p in job["populations"]}
        self.synapses = [self._synapses(k, p) for k, p in enumerate(job["projections"])]
        self.network = brian2.Network(*self.groups.values(), *self.synapses, name="sweep")

    def _declarations(self, texts: list[str]) -> str:
        used = set(self.brian2.utils.stringtools.get_identifiers("\n".join(texts)))
        lines = [
            f"{name} : {unit} (shared, constant)"
            for name, unit in self.job["parameters"].items()
            if name in used
        ]
        lines += [
            f"spikes_{p['name']} : integer (shared)"
            for p in self.job["populations"]
            if f"spikes_{p['name']}" in used
        ]
        return "\n".join(lines)

    def _group(self, p: dict[str, Any]) -> Any:
        keys = ("equations", "threshold", "reset", "refractory", "start", "step")
        keys_of_synapses = ("model", "on_pre", "probability", "degree", "delay")
        texts = [p[key] for key in keys]
        # Brian2 lets synapses read what their target declares, and nothing of the same name.
        for projection in self.job["projections"]:
            if projection["target"] == p["name"]:
                texts += [projection[key] for key in keys_of_synapses]
        declared = self._declarations(texts)
        group = self.brian2.NeuronGroup(
            self.job["sizes"][p["name"]],
            f"{p['equations']}\n{declared}",
            threshold=p["threshold"],
            reset=p["reset"] or None,
            refractory=p["refractory"] or False,
            method=p["method"],
            namespace=self.namespace,
            clock=self.clock,
            name=f"population_{p['name']}",
        )
        if p["start"]:
            group.run_regularly(p["start"], when="start", order=-10, name=f"start_{p['name']}")
        if p["step"]:
            group.run_regularly(p["step"], when="groups", order=10, name=f"step_{p['name']}")
        return group

    def _synapses(self, k: int, p: dict[str, Any]) -> Any:
        return self.brian2.Synapses(
            self.groups[p["source"]],
            self.groups[p["target"]],
            p["model"] or None,
            on_pre=p["on_pre"] or None,  # none: the synapses only sum something over their sources
            method="euler",
            # A quantity here makes one delay of all synapses; else every synapse has its own.
            delay=None if _drawn(p["delay"]) or not p["on_pre"] else 0 * self.brian2.second,
            namespace=self.namespace,
            clock=self.clock,
            name=f"projection_{k}",
        )

    def connect(self) -> None:
        """Connections are drawn when the program runs: with its plan's seed and probabilities."""
        for synapses, p in zip(self.synapses, self.job["projections"], strict=True):
            if p["degree"]:
                synapses.connect(i=f"_k for _k in sample(N_pre, size={p['degree']})", namespace={})
                # Drawn target by target; spikes walk through the synapses of one source.
                ends = ", ".join(
                    self.dynamic(synapses, f"_synaptic_{end}") for end in ("pre", "post")
                )
                self.brian2.device.insert_code(
                    "main", f"snn::by_source({ends}, {len(synapses.source)});"
                )
            elif p["probability"]:
                synapses.connect(p=p["probability"], namespace={})
            else:
                synapses.connect(namespace={})
            if _drawn(p["delay"]):
                synapses.pre.delay.set_item(slice(None), p["delay"], namespace={})

    def array(self, owner: Any, name: str) -> str:
        """C++ name of the data of a variable."""
        return str(self.brian2.device.get_array_name(owner.variables[name]))

    def dynamic(self, owner: Any, name: str) -> str:
        """C++ name of the vector of a variable of synapses."""
        device = self.brian2.device
        return str(device.get_array_name(owner.variables[name], access_data=False))

    def plan_code(self) -> str:
        """First part of the main program, before anything is connected."""
        lines = [
            f"{self.array(owner, name)}[0] = values[{k}];"
            for k, name in enumerate(self.job["parameters"])
            for owner in self.groups.values()
            if name in owner.variables
        ]
        order = list(self.job["parameters"])
        lines += [
            f"{self.dynamic(synapses.pre, 'delay')}[0] = values[{order.index(p['delay'])}];"
            for synapses, p in zip(self.synapses, self.job["projections"], strict=True)
            if p["delay"] and not _drawn(p["delay"])
        ]
        return PLAN_CODE % {
            "magic": self.job["magic"],
            "n_parameters": len(order),
            "parameters": "\n".join(lines),
            "clock_dt": self.array(self.clock, "dt"),
            "stream": CONNECTIONS,
        }

    def pieces_code(self) -> str:
        """Last part of the main program: tables for the driver, then its loop."""
        lines = [*self._population_lines(), *self._recording_lines()]
        lines += [*self._state_lines(), *self._step_lines()]
        return PIECES_CODE % {
            "magic": self.job["magic"],
            "n_parameters": len(self.job["parameters"]),
            "timestep": self.array(self.clock, "timestep"),
            "t": self.array(self.clock, "t"),
            "tables": "\n".join(lines),
        }

    def _population_lines(self) -> list[str]:
        lines = []
        for name, group in self.groups.items():
            lines.append("{ snn::Population p;")
            lines.append(f"p.size = {len(group)}; p.spikes = {self.array(group, '_spikespace')};")
            cause = "NULL"
            if self.job["causes"] and "cause" in group.variables:
                values = self.array(group, "cause")
                cause = f"[](int32_t i) -> int8_t {{ return (int8_t){values}[i]; }}"
            lines.append(f"p.cause = {cause};")
            lines += [
                f"p.counters.push_back({self.array(other, f'spikes_{name}')});"
                for other in self.groups.values()
                if f"spikes_{name}" in other.variables
            ]
            lines.append("driver.populations.push_back(p); }")
        return lines

    def _values(self, item: dict[str, Any], name: str) -> str:
        group = self.groups[item["population"]]
        variable = group.variables.get(name)
        if not isinstance(variable, self.brian2.core.variables.ArrayVariable) or variable.scalar:
            msg = (
                f"{item['name']} records {name!r} of population {item['population']}; expected a "
                "variable of its cells that is stored (an equation or 'x : unit')."
            )
            raise ValueError(msg)
        return self.array(group, name)

    def _recording_lines(self) -> list[str]:
        lines = []
        for item in self.job["series"]:
            n = len(self.groups[item["population"]])
            divide = f"/{n}" if item["reduce"] == "mean" else ""
            value = f"snn::sum({self._values(item, item['variable'])}, {n}){divide}"
            lines.append(f"driver.series.push_back({{[]() -> double {{ return {value}; }}}});")
        for item in self.job["histograms"]:
            n = len(self.groups[item["population"]])
            arrays = [self._values(item, item["variable"])]
            arrays += [self._values(item, item["where"])] if item["where"] else []
            call = f"snn::count({', '.join(arrays)}, {n}, low, inverse_width, bins, into);"
            lines.append("{ snn::Histogram h;")
            lines.append(
                "h.count = [](double low, double inverse_width, int64_t bins, uint16_t* into) "
                f"{{ {call} }};"
            )
            lines.append("driver.histograms.push_back(h); }")
        return lines

    def _state_lines(self) -> list[str]:
        """Everything that changes; connections, delays and parameters are made again instead."""
        from brian2.core.variables import ArrayVariable, DynamicArrayVariable
        from brian2.devices.cpp_standalone.codeobject import c_data_type

        lines = []
        skipped = {*self.job["parameters"], "N", "i", "N_incoming", "N_outgoing"}
        skipped |= {"_synaptic_pre", "_synaptic_post", "delay"}
        for owner in (*self.groups.values(), *self.synapses):
            for name, variable in sorted(owner.variables.items()):
                if not isinstance(variable, ArrayVariable) or {name, variable.name} & skipped:
                    continue
                if variable.owner.name != owner.name:
                    continue
                kind = c_data_type(variable.dtype)
                if isinstance(variable, DynamicArrayVariable):
                    data = f"{self.dynamic(owner, name)}.data()"
                    size = f"{self.dynamic(owner, name)}.size()"
                else:
                    data, size = self.array(owner, name), str(variable.size)
                real = "true" if kind == "double" else "false"
                lines.append(
                    f"driver.blobs.push_back({{(char*){data}, {size}*sizeof({kind}), {real}}});"
                )
        return lines

    def _step_lines(self) -> list[str]:
        """The network's own schedule, cut where spikes are read: behind the last threshold."""
        steps = [
            (owner.name, owner.when, code.name)
            for owner in self.network.sorted_objects
            if owner.active
            for code in owner._code_objects
        ]
        last = max(k for k, (_, when, _) in enumerate(steps) if when == "thresholds")
        lines = []
        for k, (owner, _, code) in enumerate(steps):
            table = "before" if k <= last else "after"
            if owner.startswith("start_"):
                table = "start"
            lines.append(f"driver.{table}.push_back(_run_{code});")
            if code.endswith("_push_spikes") or "_push_spikes_" in code:
                lines.append(f"driver.replay.push_back(_run_{code});")
        pathways = [synapses for synapses in self.synapses if hasattr(synapses, "pre")]
        for synapses in pathways:
            size = f"(int64_t){synapses.pre.name}.queue[0]->queue.size() - 1"
            lines.append(f"driver.memory = std::max(driver.memory, {size});")
        return lines


def _drawn(delay: str) -> bool:
    """Whether a delay is an expression for every synapse, not one parameter for all."""
    return bool(delay) and not delay.isidentifier()


def _functions(brian2: Any, functions: list[dict[str, Any]]) -> dict[str, Any]:
    """Brian2 functions; the C++ text of all of them goes once into every file that calls one.

    In one file they may share static variables, so that one call can do the work and others hand
    over further results.
    """
    from brian2.core.functions import DEFAULT_FUNCTIONS

    if not functions:
        return {}

    def python(*values: Any) -> Any:
        raise NotImplementedError  # standalone programs never call it

    text = brian2.Function(python, arg_units=[], return_unit=1, stateless=False)
    text.implementations.add_implementation(
        "cpp",
        "\n".join(f["cpp"] for f in functions),
        dependencies={"_rand": DEFAULT_FUNCTIONS["rand"], "_randn": DEFAULT_FUNCTIONS["randn"]},
        name="snn_functions",
    )
    found = {}
    for f in functions:
        made = brian2.Function(
            python,
            arg_units=[_unit(brian2, unit) for unit in f["arguments"]],
            return_unit=_unit(brian2, f["returns"]),
            stateless=not f["random"],
            auto_vectorise=f["random"],
        )
        made.implementations.add_implementation(
            "cpp", "", dependencies={"snn_functions": text}, name=f["name"]
        )
        found[f["name"]] = made
    return found


def _unit(brian2: Any, text: str) -> Any:
    from brian2.core.namespace import DEFAULT_UNITS

    return 1 if text == "1" else eval(text, {"__builtins__": {}}, dict(DEFAULT_UNITS))


def main() -> int:
    """Build the job on stdin; errors as one line each, from the cause to its consequences."""
    try:
        build(json.load(sys.stdin))
    except Exception as error:
        chain: list[BaseException] = []
        at: BaseException | None = error
        while at is not None and at not in chain:
            chain.append(at)
            at = at.__cause__ or at.__context__
        for one in reversed(chain):
            print(f"{type(one).__name__}: {one}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
