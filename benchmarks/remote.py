"""The near end of worker.py: start it, give orders, see that it died, grew too large or hangs."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]
_FOLDER = Path(__file__).resolve().parent
_LOOK_EVERY = 0.5  # seconds


class WorkerFailed(Exception):
    """The library refused, died, hung or took more memory than it may."""


@dataclass(frozen=True)
class Bounds:
    """What a worker may take."""

    resident_bytes: int
    seconds: float  # of one order


class Remote:
    """A process that holds one variant; it ends with the `with` block, whatever happened in it."""

    def __init__(
        self,
        variant: str,
        python: str,
        log: Path,
        bounds: Bounds,
        script: str = "worker.py",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.variant = variant
        self._bounds = bounds
        self._log = log
        # Libraries that take all cores unless told otherwise get the two that batches may have.
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "2")
        single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [python, str(_FOLDER / script), variant],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=os.environ | threads | single | dict(environment or {}),
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def memory(self) -> Json:
        """Tell what it has in memory: all, its share of that, and what is its own alone."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        words = [line.split() for line in text.splitlines()[1:]]
        kibibytes = {first: int(second) for first, second, *_ in words}
        private = kibibytes["Private_Clean:"] + kibibytes["Private_Dirty:"]
        return {
            "resident_bytes": kibibytes["Rss:"] << 10,
            "proportional_bytes": kibibytes["Pss:"] << 10,
            "private_bytes": private << 10,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def order(self, verb: str, **what: Any) -> Json:
        """Give an order and wait for the answer."""
        assert self._process.stdin
        try:
            self._process.stdin.write((json.dumps({"do": verb, **what}) + "\n").encode())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerFailed(self._end()) from error
        answer: Json = json.loads(self._line())
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def _line(self) -> bytes:
        assert self._process.stdout
        begin = time.monotonic()
        while not select.select([self._process.stdout], [], [], _LOOK_EVERY)[0]:
            self._check_memory()
            if time.monotonic() - begin > self._bounds.seconds:
                self.close()
                message = f"took longer than {self._bounds.seconds:.0f} s"
                raise WorkerFailed(message)
        self._check_memory()
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailed(self._end())
        return line

    def _check_memory(self) -> None:
        if self._resident() > self._bounds.resident_bytes:
            self.close()
            message = f"took more than {self._bounds.resident_bytes / 2**30:.1f} GiB of memory"
            raise WorkerFailed(message)

    def _resident(self) -> int:
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _end(self) -> str:
        """Say how the process ended."""
        code = self._process.wait()
        said = self._log.read_text(errors="replace").strip().splitlines()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"died by {how}" + (f": {said[-1][:200]}" if said else "")
