"""A simulator process with pipes for its plans and its records."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["SimulatorProcess", "WorkerError"]


class WorkerError(RuntimeError):
    """A worker process ended without all its records."""


class SimulatorProcess:
    """A started program.

    Args:
        command: the program.
        environment: of the process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]):
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C reaches the caller alone, which ends its workers
        )
        self.source: Any = self._process.stdout
        self.sink: Any = self._process.stdin
        self._widen(self.source)

    @staticmethod
    def _widen(pipe: Any) -> None:
        """Ask for a larger pipe (Linux): fewer switches between worker and reader."""
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)

    def send(self, data: bytes) -> None:
        """Write a plan. A process that is gone is found when its records are read."""
        with contextlib.suppress(BrokenPipeError):
            self.sink.write(data)
            self.sink.flush()

    def kill(self) -> None:
        """End the process, from any thread."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Release the pipes of a process that has ended."""
        for file in (self.sink, self.source, self._words):
            with contextlib.suppress(OSError):  # unsent bytes of a killed process
                file.close()

    def failure(self, got: str) -> WorkerError:
        """The error of a process that ended early, with what it wrote on stderr.

        Args:
            got: what had arrived, as in "12 of 80 bytes".
        """
        status = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip()[-2000:]
        ending = f": {words}" if words else "."
        return WorkerError(f"the simulator process ended with status {status} after {got}{ending}")
