"""What was measured so far, a line each, so that a run that is killed goes on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Journal:
    """A file of (key, value) lines that only grows; the last value of a key counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[str, Any] = {}
        whole = 0  # bytes up to the last line that was written to its end
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break
                key, value = json.loads(line)
                self._values[key] = value
                whole += len(line)
            with path.open("r+b") as file:
                file.truncate(whole)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, *key: object) -> Any:
        """Give what was noted under the key, or None."""
        return self._values.get(json.dumps(key))

    def put(self, value: Any, *key: object) -> None:
        """Note a value at once."""
        name = json.dumps(key)
        self._values[name] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps([name, value]) + "\n")

    def finish(self) -> None:
        """Begin anew next time."""
        self.path.unlink(missing_ok=True)
