"""What identifies the content of a source, so that staged rows and designs know when it changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from motrain_app.data.problems import refuse, shorten
from motrain_app.data.sources import Source, as_paths

# Up to here all content counts.
WHOLE_BYTES = 2 * 2**30

_READ_BYTES = 2**20
_SAMPLE_BYTES = 64 * 2**10
_SAMPLES_IN_FILE = 64
_SAMPLED_FILES = 256
_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")


def fingerprint(source: Source, *, whole_bytes: int = WHOLE_BYTES) -> str:
    """Identify the content of a source.

    Parameters
    ----------
    source
        As for `open_dataset`. The order of several files does not matter; their names do, since variables are
        named after them. The name of a single file does not matter.
    whole_bytes
        Up to this many bytes in total, all content counts.

    Returns
    -------
    str
        ``"sha256:<hex>"`` of all content; for more than `whole_bytes` ``"partial:<hex>"`` of sizes, times of
        last change, metadata and samples of the content.

    Raises
    ------
    DataError
        ``missing_file``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     fingerprint(file.name)
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    paths, _ = as_paths(source)
    try:
        contents = [(path, sorted(_files(path))) for path in paths]
        total = sum(os.stat(file).st_size for _, files in contents for _, file in files)
        partial = total > whole_bytes
        digests = [_sampled(path, files) if partial else _whole(path, files) for path, files in contents]
    except OSError as error:
        raise refuse(
            "missing_file",
            f"Its content cannot be read: {shorten(error.strerror or error, limit=200)}",
            where=str(error.filename or ""),
            remedy="Check its name, its folder and its permissions.",
        ) from error
    label = "partial" if partial else "sha256"
    if len(digests) == 1:
        return f"{label}:{digests[0]}"
    named = sorted(f"{path.name}\0{digest}" for path, digest in zip(paths, digests, strict=True))
    return f"{label}:{hashlib.sha256(chr(10).join(named).encode('utf-8', 'surrogateescape')).hexdigest()}"


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """The files of a source: name relative to it, and path."""
    if not path.is_dir():
        yield "", os.fspath(path)
        return
    for folder, _, names in os.walk(path, onerror=_raise):
        for name in names:
            file = os.path.join(folder, name)
            yield Path(file).relative_to(path).as_posix(), file


def _raise(error: OSError) -> None:
    raise error


def _whole(path: Path, files: list[tuple[str, str]]) -> str:
    if not path.is_dir():
        # The same digest as `sha256sum` gives.
        return _digest_of(files[0][1])
    total = hashlib.sha256()
    for name, file in files:
        total.update(f"{name}\0{_digest_of(file)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _digest_of(file: str) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sampled(path: Path, files: list[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    step = max(1, len(files) // _SAMPLED_FILES)
    for number, (name, file) in enumerate(files):
        status = os.stat(file)
        total.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        if os.path.basename(name) in _METADATA:
            total.update(_digest_of(file).encode())
        elif number % step == 0:
            for sample in _samples(file, status.st_size):
                total.update(sample)
    return total.hexdigest()


def _samples(file: str, size: int) -> Iterator[bytes]:
    """Beginning and end of a file, where headers are, and pieces spread evenly between."""
    with open(file, "rb") as stream:
        yield stream.read(_READ_BYTES)
        last = max(0, size - _SAMPLE_BYTES)
        for number in range(_SAMPLES_IN_FILE):
            stream.seek(last * (number + 1) // _SAMPLES_IN_FILE)
            yield stream.read(_SAMPLE_BYTES)
