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

from snnsurrogate.simulate import _network_objects
from snnsurrogate.simulate._network_objects import NetworkObjects, is_drawn

HEADER = Path(__file__).with_name("network_driver.h")
# What Brian2's code objects include from the system, all of it before any namespace is opened.
SYSTEM_HEADERS = (
    "chrono", "cmath", "climits", "ctime", "fstream", "iostream", "map", "random", "set", "string",
    "vector",
)  # fmt: skip
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
    """Everything of these modules that ends up in a program: part of the key of the cache."""
    files = (HEADER, Path(__file__), Path(_network_objects.__file__))
    return "".join(file.read_text() for file in files)


def build(job: dict[str, Any]) -> None:
    """Generate and compile; the program is ``main`` in ``job["folder"]``."""
    warnings.simplefilter("ignore")
    import brian2

    folder = Path(job["folder"])
    (folder / HEADER.name).write_text(HEADER.read_text())
    brian2.prefs.codegen.cpp.extra_compile_args_gcc = job["flags"]
    brian2.prefs.codegen.cpp.headers = [f'"{HEADER.name}"']
    brian2.prefs.core.stop_on_keyboard_interrupt = False
    brian2.set_device("cpp_standalone", directory=str(folder), build_on_run=False)
    net = NetworkObjects(brian2, job)
    brian2.device.insert_code("main", _Main(net).plan_code())
    net.connect()
    net.network.run(0 * brian2.second, namespace={})
    brian2.device.insert_code("main", _Main(net).pieces_code())
    brian2.device.build(directory=str(folder), compile=False, run=False, with_output=False)
    _compile(folder)


def _compile(folder: Path) -> None:
    """Compile Brian2's files as few: parsing its headers once saves more than half of the time.

    Every code object keeps a namespace of its own; its functions are handed out of it.

    Raises:
        RuntimeError: the compiler failed; its words are on stderr.
    """
    text = "".join(f"#include <{name}>\n" for name in SYSTEM_HEADERS)
    text += f'#include "objects.h"\n#include "brianlib/common_math.h"\n#include "{HEADER.name}"\n'
    for k, file in enumerate(sorted(folder.glob("code_objects/*.cpp"))):
        include = f'#include "code_objects/{file.stem}'
        stem = file.stem if file.stem.startswith(("before_run_", "after_run_")) else ""
        function = f"_{stem}" if stem else f"_run_{file.stem}"
        text += f'{include}.h"\nnamespace unit_{k} {{\n{include}.h"\n{include}.cpp"\n}}\n'
        text += f"void {function}() {{ unit_{k}::{function}(); }}\n"
    (folder / "units.cpp").write_text(text)
    files = [*folder.glob("*.cpp"), *folder.glob("brianlib/*.cpp")]
    objects = " ".join(sorted(str(file.relative_to(folder).with_suffix(".o")) for file in files))
    settings = ("OPTIMISATIONS", "LFLAGS")
    lines = (folder / "makefile").read_text().splitlines(keepends=True)
    rules = [line for line in lines if line.startswith(settings)]
    rules.append(f"main: {objects}\n\t$(CXX) {objects} -o main $(LFLAGS)\n")
    rules.append("%.o: %.cpp\n\t$(CXX) -c -Wno-write-strings $(OPTIMISATIONS) -I. $< -o $@\n")
    (folder / "few.mk").write_text("".join(rules))
    done = subprocess.run(["make", "-j2", "-s", "-f", "few.mk", "main"], cwd=folder, check=False)
    if done.returncode != 0:
        msg = f"make failed with status {done.returncode}."
        raise RuntimeError(msg)


class _Main:
    """The C++ text of the main program around the code that Brian2 generates."""

    def __init__(self, net: NetworkObjects):
        self.net = net

    def plan_code(self) -> str:
        """First part of the main program, before anything is connected."""
        lines = [
            f"{self.net.array(owner, name)}[0] = values[{k}];"
            for k, name in enumerate(self.net.job["parameters"])
            for owner in self.net.groups.values()
            if name in owner.variables
        ]
        order = list(self.net.job["parameters"])
        lines += [
            f"{self.net.dynamic(synapses.pre, 'delay')}[0] = values[{order.index(p['delay'])}];"
            for synapses, p in zip(self.net.synapses, self.net.job["projections"], strict=True)
            if p["delay"] and not is_drawn(p["delay"])
        ]
        return PLAN_CODE % {
            "magic": self.net.job["magic"],
            "n_parameters": len(order),
            "parameters": "\n".join(lines),
            "clock_dt": self.net.array(self.net.clock, "dt"),
            "stream": CONNECTIONS,
        }

    def pieces_code(self) -> str:
        """Last part of the main program: tables for the driver, then its loop."""
        lines = [*self._population_lines(), *self._recording_lines()]
        lines += [*self._state_lines(), *self._step_lines()]
        return PIECES_CODE % {
            "magic": self.net.job["magic"],
            "n_parameters": len(self.net.job["parameters"]),
            "timestep": self.net.array(self.net.clock, "timestep"),
            "t": self.net.array(self.net.clock, "t"),
            "tables": "\n".join(lines),
        }

    def _population_lines(self) -> list[str]:
        lines = []
        for name, group in self.net.groups.items():
            lines.append("{ snn::Population p;")
            lines.append(
                f"p.size = {len(group)}; p.spikes = {self.net.array(group, '_spikespace')};"
            )
            cause = "NULL"
            if self.net.job["causes"] and "cause" in group.variables:
                values = self.net.array(group, "cause")
                cause = f"[](int32_t i) -> int8_t {{ return (int8_t){values}[i]; }}"
            lines.append(f"p.cause = {cause};")
            lines += [
                f"p.counters.push_back({self.net.array(other, f'spikes_{name}')});"
                for other in self.net.groups.values()
                if f"spikes_{name}" in other.variables
            ]
            lines.append("driver.populations.push_back(p); }")
        return lines

    def _values(self, item: dict[str, Any], name: str) -> str:
        group = self.net.groups[item["population"]]
        variable = group.variables.get(name)
        if (
            not isinstance(variable, self.net.brian2.core.variables.ArrayVariable)
            or variable.scalar
        ):
            msg = (
                f"{item['name']} records {name!r} of population {item['population']}; expected a "
                "variable of its cells that is stored (an equation or 'x : unit')."
            )
            raise ValueError(msg)
        return self.net.array(group, name)

    def _recording_lines(self) -> list[str]:
        lines = []
        for item in self.net.job["series"]:
            n = len(self.net.groups[item["population"]])
            divide = f"/{n}" if item["reduce"] == "mean" else ""
            value = f"snn::sum({self._values(item, item['variable'])}, {n}){divide}"
            lines.append(f"driver.series.push_back({{[]() -> double {{ return {value}; }}}});")
        for item in self.net.job["histograms"]:
            n = len(self.net.groups[item["population"]])
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
        skipped = {*self.net.job["parameters"], "N", "i", "N_incoming", "N_outgoing"}
        skipped |= {"_synaptic_pre", "_synaptic_post", "delay"}
        for owner in (*self.net.groups.values(), *self.net.synapses):
            for name, variable in sorted(owner.variables.items()):
                if not isinstance(variable, ArrayVariable) or {name, variable.name} & skipped:
                    continue
                if variable.owner.name != owner.name:
                    continue
                kind = c_data_type(variable.dtype)
                if isinstance(variable, DynamicArrayVariable):
                    data = f"{self.net.dynamic(owner, name)}.data()"
                    size = f"{self.net.dynamic(owner, name)}.size()"
                else:
                    data, size = self.net.array(owner, name), str(variable.size)
                real = "true" if kind == "double" else "false"
                lines.append(
                    f"driver.blobs.push_back({{(char*){data}, {size}*sizeof({kind}), {real}}});"
                )
        return lines

    def _step_lines(self) -> list[str]:
        """The network's own schedule, cut where spikes are read: behind the last threshold."""
        steps = [
            (owner.name, owner.when, code.name)
            for owner in self.net.network.sorted_objects
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
        pathways = [synapses for synapses in self.net.synapses if hasattr(synapses, "pre")]
        for synapses in pathways:
            size = f"(int64_t){synapses.pre.name}.queue[0]->queue.size() - 1"
            lines.append(f"driver.memory = std::max(driver.memory, {size});")
        return lines


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
