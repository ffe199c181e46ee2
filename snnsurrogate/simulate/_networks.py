"""Sweeps of networks: one build per size, one sample per block, the state carried from piece on."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate._names import suggestion
from snnsurrogate.dataset.frame import Frame, assemble
from snnsurrogate.dataset.populations import LABELS
from snnsurrogate.features import RULES
from snnsurrogate.simulate._blocks import Steps
from snnsurrogate.simulate._engine import NetworkEngine, Piece, Task

if TYPE_CHECKING:
    from snnsurrogate.systems import Network

__all__ = ["ENGINES", "RECORD", "Networks"]

ENGINES = ("brian2", "exact")
RECORD = ("spikes", "histograms")
PIECE = 10_000.0  # ms of one shard: bounds memory, and what a killed sweep loses


class Networks:
    """How the samples of a network are simulated, stored and collected.

    Attributes:
        block, chunk: samples and records of a shard.
        engine: as stored with the data.
        program: name and version of what computes the numbers.
        network: what is recorded.
        limits: empty; a network's runs are judged by their rates.
        built: engines that were compiled by this sweep, not taken from the cache.
    """

    block = 1
    limits: Mapping[str, tuple[float, float]] = {}

    def __init__(
        self,
        model: Network,
        parameters: Mapping[str, np.ndarray],
        engine: str,
        record: Sequence[str] | None,
        step: float,
    ):
        """Prepare one engine per size; ``step`` is the recording step in ms."""
        if model.regimes and model.regimes not in RULES:
            hint = suggestion(model.regimes, RULES)
            msg = (
                f"{model.name!r} names the regime rule {model.regimes!r}; expected one of "
                f"{', '.join(RULES)}, or an empty text.{hint}"
            )
            raise ValueError(msg)
        recorded = tuple(RECORD if record is None else record)
        unknown = [name for name in recorded if name not in RECORD]
        if unknown:
            msg = f"record names {', '.join(map(repr, unknown))}; expected some of {RECORD}."
            raise ValueError(msg)
        if not model.histograms:
            recorded = tuple(name for name in recorded if name != "histograms")
        self.record = recorded
        self.model = model
        self.chunk = max(1, round(PIECE / step))
        points = [dict(zip(parameters, row, strict=True)) for row in zip(*parameters.values())]  # noqa: B905
        self._points = [{name: float(value) for name, value in point.items()} for point in points]
        self._sizes = [model.sizes(point) for point in self._points]
        self.network: dict[str, Any] = {
            "series": list(model.series_names),
            "histograms": _bins(model, self._points) if "histograms" in recorded else [],
            "populations": list(model.population_names),
            "causes": model.causes,
            "spikes": "spikes" in recorded,
            "runaway": model.runaway,
        }
        self._engines: dict[tuple[int, ...], NetworkEngine] = {}
        for sizes in self._sizes:
            key = tuple(sizes.values())
            if key not in self._engines:
                self._engines[key] = _prepare(model, engine, sizes, recorded)
        self.engine = next(iter(self._engines.values())).name
        # What besides the request decides the numbers: a sweep is not taken up by another program.
        self.program = f"brian2 {importlib.metadata.version('brian2')}"
        if engine == "exact":
            from snnsurrogate.simulate.exact import REVISION

            self.program = f"{model.exact} {REVISION}"
        self.built = sum(found.built for found in self._engines.values())

    def worker(self) -> Any:
        """Simulators of every size, each started when it is first used."""
        return _Workers({key: engine.worker() for key, engine in self._engines.items()})

    def producer(self, frame: Frame, steps: Steps) -> Callable[..., Mapping[str, Any]]:
        """The function that makes shards; see ``run_blocks``."""

        def produce(
            worker: _Workers,
            block: int,
            chunk: int,
            carry: np.ndarray | None,
            span: slice,
            start: int,
            skip: int,
            progress: Callable[[float], None],
        ) -> Mapping[str, Any]:
            key = tuple(self._sizes[block].values())
            task = Task(
                parameters=self._points[block],
                sizes=self._sizes[block],
                seed=int(frame.seeds[block]),
                chunk=chunk,
                dt=1e3 * steps.dt,
                skip=skip if chunk == 0 else 0,
                every=steps.every,
                records=span.stop - span.start,
                elapsed=start,
                carry=carry,
            )
            return self._shard(self._engines[key].run(worker.of(key), task, progress=progress))

        return produce

    def _shard(self, piece: Piece) -> dict[str, Any]:
        shard: dict[str, Any] = {
            "series": np.asarray(piece.series, dtype=np.float32),
            "stopped": np.array(piece.stopped),
            "carry": piece.carry,
        }
        for histogram in self.network["histograms"]:
            shard[histogram["name"]] = piece.histograms[histogram["name"]]
        if "spikes" in self.record:
            shard["spike_time"] = piece.spike_time
            shard["spike_count"] = np.array(piece.spike_time.size)
            for name, (kind, _) in LABELS.items():
                if name != "spike_cause" or self.model.causes:
                    shard[name] = np.asarray(getattr(piece, name), dtype=kind)
        return shard

    def to_arrays(self, shard: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """A shard as it is stored."""
        return dict(shard)

    def collector(self, frame: Frame) -> tuple[Callable[..., None], Callable[[], xr.Dataset]]:
        """Keeps shards in memory: (takes block, chunk, shard; gives the dataset)."""
        shards: dict[tuple[int, int], dict[str, Any]] = {}

        def keep(block: int, chunk: int, shard: Mapping[str, Any]) -> None:
            shards[block, chunk] = {name: shard[name] for name in shard if name != "carry"}

        return keep, lambda: assemble(frame, lambda block, chunk: shards.get((block, chunk)))


class _Workers:
    """The simulators of one thread, one per network size."""

    def __init__(self, workers: Mapping[tuple[int, ...], Any]):
        self._workers = workers

    def of(self, key: tuple[int, ...]) -> Any:
        return self._workers[key]

    def kill(self) -> None:
        for worker in self._workers.values():
            worker.kill()

    def close(self) -> None:
        for worker in self._workers.values():
            worker.close()


def _prepare(
    model: Network, engine: str, sizes: Mapping[str, int], record: tuple[str, ...]
) -> NetworkEngine:
    if engine == "brian2":
        from snnsurrogate.simulate import brian2_network

        return brian2_network.prepare(model, dict(sizes), record)
    if not model.exact:
        msg = f"{model.name!r} has no exact engine; write engine='brian2'."
        raise ValueError(msg)
    from snnsurrogate.simulate import exact

    return exact.prepare(model, dict(sizes), record)


def _bins(model: Network, points: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Bins of every histogram, which must be those of all samples."""
    found = []
    for histogram in model.histograms:
        ends = {histogram.edges(point) for point in points}
        if len(ends) > 1:
            msg = (
                f"the ends of histogram {histogram.name} ({histogram.low}, {histogram.high}) "
                "differ between samples, so that they share no axis; write record=('spikes',), or "
                "one sweep for each."
            )
            raise ValueError(msg)
        ((low, _),) = ends
        found.append(
            {
                "name": histogram.name,
                "dim": histogram.dim,
                "unit": histogram.unit,
                "low": low,
                "width": histogram.width,
                "bins": histogram.bins(points[0]),
            }
        )
    return found
