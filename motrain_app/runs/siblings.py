"""The runs of a folder that were made on the same data."""

from collections.abc import Iterator
from pathlib import Path

from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder


def runs_on(runs: Path, fingerprint: str) -> Iterator[RunFolder]:
    """Give the runs of a folder on data of a fingerprint, the newest first; what is no run, or unreadable, is none."""
    found: list[tuple[str, int, Path]] = []
    for path in runs.iterdir() if runs.is_dir() else ():
        try:
            info = RunFolder(path).info()
            if info["fingerprint"] == fingerprint:
                found.append((str(info["created"]), (path / "run.json").stat().st_mtime_ns, path))
        except (RunError, KeyError):
            continue  # no run, or one of another version
    yield from (RunFolder(path) for *_, path in sorted(found, reverse=True))
