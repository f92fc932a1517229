"""Files that are whole or absent: written aside, synced to the disk, renamed, the folder synced."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path to write a file to; when it is written, it takes its place, entirely or not at all."""
    aside = _aside(path)
    try:
        yield aside
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def check_writable(path: Path) -> None:
    """Raise OSError where `written_aside` could not write a file; what is there stays as it is."""
    aside = _aside(path)
    try:
        aside.touch()
    finally:
        aside.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.new")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is there entirely, or not at all."""
    with written_aside(path) as aside:
        aside.write_bytes(content)


def write_json_durably(path: Path, value: Any) -> None:
    """Write JSON as `write_durably` does."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_durably(path, text.encode())


def link_durably(source: Path, target: Path) -> None:
    """Give a file that is never changed a second name; a copy, where the file system or its owner allows none."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        with written_aside(target) as aside:
            shutil.copyfile(source, aside)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new files in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network file systems know no sync of folders; the file itself is synced
        pass
    finally:
        os.close(handle)
