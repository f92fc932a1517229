"""What ``motrain serve`` is asked to open: data, a design or a run, told by content; or the sample dataset."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from motrain_app.data import sample, write_sample
from motrain_app.data.sources import read_path
from motrain_app.design import Design
from motrain_app.design.sample_design import sample_design
from motrain_app.runs import RunFolder

_JSON_START = (b"{", b"\xef\xbb\xbf{")


@dataclass(frozen=True, slots=True)
class Target:
    """What the app opens with.

    Attributes
    ----------
    kind
        data, design or run.
    path
        Where it really lies.
    ready
        Whether a design is to be trained at once, so that there is something to look at: that of the sample dataset.
    """

    kind: Literal["data", "design", "run"]
    path: Path
    ready: bool = False

    def files(self) -> tuple[Path, ...]:
        """Return what whoever names this target lets the screen read: the thing itself, and the data it names."""
        if self.kind == "data":
            return (self.path,)
        design = Design.load(self.path) if self.kind == "design" else RunFolder(self.path).design()
        return (self.path, *(Path(os.path.realpath(data)) for data in design.data if "://" not in data))


def recognise(path: str | Path) -> Target:
    """Say what a path is, by what it holds.

    Raises
    ------
    DataError, DesignError, RunError
        Where it is absent, or cannot be used as what it is.
    """
    real = Path(os.path.realpath(os.path.expanduser(path)))
    if real.is_dir():
        if (real / "run.json").is_file():
            RunFolder(real).info()
            return Target("run", real)
        if (real / "design.json").is_file():  # what `motrain sample DIR` leaves
            return recognise(real / "design.json")
    elif real.is_file() and _starts_as_json(real):
        Design.load(real)
        return Target("design", real)
    read_path(real)
    return Target("data", real)


def _starts_as_json(path: Path) -> bool:
    if path.suffix.lower() == ".json":
        return True
    with path.open("rb") as file:
        return file.read(64).lstrip().startswith(_JSON_START)


def sample_target() -> Target:
    """Return the ready design of the sample dataset, which is written to the user's cache when first asked for."""
    folder = sample_folder()
    if not (folder / "data.zarr").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        # The store appears when it is complete; where another process is faster, its numbers are the same.
        with suppress(FileExistsError):
            write_sample(folder / "data.zarr")
    design = folder / "design.json"
    made = sample_design(folder / "data.zarr")
    if not design.is_file() or Design.load(design) != made:
        made.save(design)
    return Target("design", Path(os.path.realpath(design)), ready=True)


def sample_folder(cache: str | Path | None = None) -> Path:
    """Return where the sample dataset of this version lies; other versions may have left theirs beside it.

    Parameters
    ----------
    cache
        The user's cache; by default ``$XDG_CACHE_HOME``, or ``~/.cache``.
    """
    digest = hashlib.sha256()
    for module in sorted(Path(sample.__file__).parent.glob("sample*.py")):
        digest.update(module.read_bytes())
    cache = Path(os.path.expanduser(cache or os.environ.get("XDG_CACHE_HOME") or "~/.cache"))
    return Path(os.path.realpath(cache)) / "motrain_app" / f"sample-{digest.hexdigest()[:12]}"
