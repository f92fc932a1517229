"""What was opened of late, remembered from one server to the next."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from motrain_app.data import DataError
from motrain_app.runs.durable import write_json_durably
from motrain_app.ui.roots import Roots

KEPT_AT_MOST = 20


class RecentPaths:
    """Data and designs that were opened, the last one first.

    Parameters
    ----------
    file
        Where they are remembered. Where it cannot be written they are forgotten with the server.
    roots
        Only what lies below them is offered.
    """

    def __init__(self, file: Path, roots: Roots) -> None:
        self._file, self._roots = file, roots
        self._lock = threading.Lock()
        self._paths: list[str] | None = None

    def __iter__(self) -> Iterator[Path]:
        """Iterate over those that still exist, and may be read by this server."""
        with self._lock:
            paths = list(self._known())
        for text in paths:
            with suppress(DataError):
                path = self._roots.resolve(text)
                if path.exists():
                    yield path

    def add(self, path: str | Path) -> None:
        """Put a path first."""
        with self._lock:
            text = str(path)
            self._paths = [text, *(known for known in self._known() if known != text)][:KEPT_AT_MOST]
            with suppress(OSError):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_json_durably(self._file, self._paths)

    def _known(self) -> list[str]:
        if self._paths is None:
            try:
                content = json.loads(self._file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                content = []
            texts = content if isinstance(content, list) else []
            self._paths = [text for text in texts if isinstance(text, str)][:KEPT_AT_MOST]
        return self._paths
