"""The Brian2 objects of a network: groups, synapses, functions of its own, and their C++ names."""

from __future__ import annotations

from typing import Any

__all__ = ["NetworkObjects", "is_drawn"]


class NetworkObjects:
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
            delay=None if is_drawn(p["delay"]) or not p["on_pre"] else 0 * self.brian2.second,
            namespace=self.namespace,
            clock=self.clock,
            name=f"projection_{k}",
        )

    def connect(self) -> None:
        """Connections are drawn when the program runs: with its plan's seed and probabilities."""
        order = list(self.job["parameters"])
        for synapses, p in zip(self.synapses, self.job["projections"], strict=True):
            where = f"{p['source']} -> {p['target']}"
            if p["degree"]:
                value, most = f"values[{order.index(p['degree'])}]", len(synapses.source)
                self._require(
                    f"{value} >= 0 && {value} <= {most} && {value} == std::floor({value})",
                    f"{p['degree']}, the synapses {where} per target cell, is no whole number from "
                    f"0 to {most}, the cells of {p['source']}",
                )
                synapses.connect(i=f"_k for _k in sample(N_pre, size={p['degree']})", namespace={})
                # Drawn target by target; spikes walk through the synapses of one source.
                ends = [self.dynamic(synapses, f"_synaptic_{end}") for end in ("pre", "post")]
                self.brian2.device.insert_code(
                    "main", f"snn::by_source({', '.join(ends)}, {len(synapses.source)});"
                )
            elif p["probability"]:
                value = f"values[{order.index(p['probability'])}]"
                self._require(
                    f"{value} >= 0 && {value} <= 1",
                    f"{p['probability']}, the connection probability {where}, is outside 0 to 1",
                )
                synapses.connect(p=p["probability"], namespace={})
            else:
                synapses.connect(namespace={})
            if is_drawn(p["delay"]):
                synapses.pre.delay.set_item(slice(None), p["delay"], namespace={})
                delays = self.dynamic(synapses.pre, "delay")
                self._require(
                    f"{delays}.empty() || *std::min_element({delays}.begin(), {delays}.end()) >= 0",
                    f"a delay {where} is negative ({p['delay']})",
                )

    def _require(self, condition: str, words: str) -> None:
        self.brian2.device.insert_code("main", f'if (!({condition})) snn::fail("{words}", 5);')

    def array(self, owner: Any, name: str) -> str:
        """C++ name of the data of a variable."""
        return str(self.brian2.device.get_array_name(owner.variables[name]))

    def dynamic(self, owner: Any, name: str) -> str:
        """C++ name of the vector of a variable of synapses."""
        device = self.brian2.device
        return str(device.get_array_name(owner.variables[name], access_data=False))


def is_drawn(delay: str) -> bool:
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
