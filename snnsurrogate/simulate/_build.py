"""Build of one Brian2 standalone program; runs in a process of its own.

``python -m snnsurrogate.simulate._build`` reads a job (JSON) from stdin and leaves the program
``main`` in the job's folder. Brian2 keeps one global device per process: a process of its own
leaves the caller's Brian2 session alone.

The program reads a plan from stdin and writes records to stdout (see :mod:`_protocol`), so that
parameters, initial states, step, duration and recording step are run-time values, nothing is
written to disk, and it ends with its reader.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

_DRIVER = """
std::setvbuf(stdout, NULL, _IOFBF, 1 << 18);
for (;;) {
    int64_t plan[6];
    double dt;
    const size_t got = std::fread(plan, sizeof(int64_t), 6, stdin);
    if (got == 0) std::_Exit(0);
    if (got != 6 || plan[0] != %(magic)d || plan[5] != %(block)d
        || std::fread(&dt, sizeof(double), 1, stdin) != 1) {
        std::fprintf(stderr, "the plan is incomplete or not a plan\\n");
        std::_Exit(3);
    }
    double* states[] = {%(states)s};
    double* parameters[] = {%(parameters)s};
    for (int i = 0; i < %(n_states)d; i++)
        if (std::fread(states[i], sizeof(double), %(block)d, stdin) != %(block)d) std::_Exit(3);
    for (int i = 0; i < %(n_parameters)d; i++)
        if (std::fread(parameters[i], sizeof(double), %(block)d, stdin) != %(block)d) std::_Exit(3);
%(read_input)s    %(dt)s[0] = dt;
    %(timestep)s[0] = plan[1];
    %(t)s[0] = plan[1] * dt;
    // The steps of Network::run without its bookkeeping: one clock, the network's own schedule.
    for (int64_t record = -1; record <= plan[4]; record++) {
        const int64_t steps = record < 0 ? plan[2] : (record == 0 ? 0 : plan[3]);
        for (int64_t step = 0; step < steps; step++) {
%(set_input)s            for (auto& object : %(network)s.objects)
                if (object.second) object.second();
            %(clock)s.tick();
        }
        if (record < 0) continue;
        for (int i = 0; i < %(n_states)d; i++)
            if (std::fwrite(states[i], sizeof(double), %(block)d, stdout) != %(block)d)
                std::_Exit(4);
    }
    if (std::fflush(stdout) != 0) std::_Exit(4);
}
"""


# The pieces of the input are read whole, before anything is written: the two pipes cannot wait for
# each other.
_READ_INPUT = """
    int64_t pieces;
    if (std::fread(&pieces, sizeof(int64_t), 1, stdin) != 1) std::_Exit(3);
    const size_t numbers = pieces * %(block)d;
    std::vector<int64_t> begins(pieces), since(numbers);
    std::vector<double> value(numbers), slope(numbers);
    if (std::fread(begins.data(), sizeof(int64_t), pieces, stdin) != size_t(pieces)
        || std::fread(since.data(), sizeof(int64_t), numbers, stdin) != numbers
        || std::fread(value.data(), sizeof(double), numbers, stdin) != numbers
        || std::fread(slope.data(), sizeof(double), numbers, stdin) != numbers) std::_Exit(3);
    int64_t piece = 0, now = plan[1];
"""
_SET_INPUT = """
            while (piece + 1 < pieces && begins[piece + 1] <= now) piece++;
            for (int i = 0; i < %(block)d; i++) {
                const size_t j = piece * %(block)d + i;
                %(input)s[i] = value[j] + slope[j] * double(now - since[j]);
                %(input_slope)s[i] = slope[j] / dt;
            }
            now++;
"""


def driver(*, driven: bool) -> str:
    """Template of the program's main loop, with or without an input over time."""
    pieces = (_READ_INPUT, _SET_INPUT) if driven else ("", "")
    text = _DRIVER.replace("%(read_input)s", pieces[0])
    return text.replace("%(set_input)s", pieces[1])


def build(job: dict[str, Any]) -> None:
    """Generate and compile; the program is ``main`` in ``job["folder"]``."""
    warnings.simplefilter("ignore")
    import brian2

    brian2.prefs.codegen.cpp.extra_compile_args_gcc = job["flags"]
    driven = job.get("input")
    headers = ["<cstdio>", "<cstdint>"] + (["<vector>"] if driven else [])
    brian2.prefs.codegen.cpp.headers = headers
    # Without a number, Brian2 2.9 starts one compiler per file.
    brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2", "-s"]
    brian2.prefs.core.stop_on_keyboard_interrupt = False
    brian2.set_device("cpp_standalone", directory=job["folder"], build_on_run=False)
    device = brian2.device
    clock = brian2.Clock(dt=1 * brian2.ms, name="sweep_clock")
    group = brian2.NeuronGroup(
        job["block"], job["equations"], method=job["method"], clock=clock, name="cells"
    )
    network = brian2.Network(group, name="sweep")
    network.run(0 * brian2.second)

    def array(owner: Any, name: str) -> str:
        return str(device.get_array_name(owner.variables[name]))

    device.insert_code(
        "main",
        driver(driven=bool(driven))
        % {
            "magic": job["magic"],
            "block": job["block"],
            "states": ", ".join(array(group, name) for name in job["states"]),
            "parameters": ", ".join(array(group, name) for name in job["parameters"]) or "NULL",
            "n_states": len(job["states"]),
            "n_parameters": len(job["parameters"]),
            "dt": array(clock, "dt"),
            "timestep": array(clock, "timestep"),
            "t": array(clock, "t"),
            "network": network.name,
            "clock": clock.name,
            "input": array(group, driven) if driven else "",
            "input_slope": array(group, f"{driven}_slope") if driven else "",
        },
    )
    device.build(directory=job["folder"], compile=True, run=False, with_output=False)


if __name__ == "__main__":
    build(json.load(sys.stdin))
