"""The history of a design: every gesture saved, undo and redo across pages, also after a reload or a crash."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motrain_app.design.document import Design
from motrain_app.design.errors import DesignError

STEPS_AT_MOST = 200


@dataclass(frozen=True)
class Step:
    """One state of the design, and the gesture that led to it, in words ("Drew the region alps")."""

    gesture: str
    document: Mapping[str, Any]


class DesignHistory:
    """The states of one design, saved to a file at every change.

    Parameters
    ----------
    path
        A JSON file; read where it exists.
    first
        The design to begin with where there is no file.

    Raises
    ------
    DesignError
        Where the file is no history, or there is neither a file nor a first design.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     history = DesignHistory(Path(folder) / "a.json", Design("cells.nc", ["TG1"], ["sig"]))
    ...     history.push(history.design.change(seed=1), "Changed the seed")
    ...     history.undo(), history.design.seed, history.redo(), history.design.seed
    ('Changed the seed', 0, 'Changed the seed', 1)
    """

    def __init__(self, path: Path, first: Design | None = None) -> None:
        self.path = path
        if path.exists():
            self._steps, self._at = _read(path)
        elif first is not None:
            self._steps, self._at = [Step("Opened", first.to_json())], 0
            self._save()
        else:
            raise DesignError(f"There is no design history {path}.")
        self._design = Design.from_json(self._steps[self._at].document)

    @property
    def design(self) -> Design:
        """The design as it is now."""
        return self._design

    @property
    def can_undo(self) -> str:
        """The gesture that `undo` takes back; empty where there is none."""
        return self._steps[self._at].gesture if self._at > 0 else ""

    @property
    def can_redo(self) -> str:
        """The gesture that `redo` brings again; empty where there is none."""
        return self._steps[self._at + 1].gesture if self._at + 1 < len(self._steps) else ""

    def push(self, design: Design, gesture: str) -> None:
        """Make a changed design the present one; what was undone before is forgotten. No change is no step."""
        document = design.to_json()
        if document == self._steps[self._at].document:
            return
        self._steps = [*self._steps[: self._at + 1], Step(gesture, document)][-STEPS_AT_MOST:]
        self._at = len(self._steps) - 1
        self._design = design
        self._save()

    def undo(self) -> str:
        """Go one step back and return the gesture taken back; empty where there is none."""
        gesture = self.can_undo
        if gesture:
            self._go(self._at - 1)
        return gesture

    def redo(self) -> str:
        """Go one step forward and return the gesture brought again; empty where there is none."""
        gesture = self.can_redo
        if gesture:
            self._go(self._at + 1)
        return gesture

    def _go(self, at: int) -> None:
        self._at = at
        self._design = Design.from_json(self._steps[at].document)
        self._save()

    def _save(self) -> None:
        """Write aside and rename, so that a crash leaves the last whole history."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        steps = [[step.gesture, step.document] for step in self._steps]
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        aside.write_text(json.dumps({"at": self._at, "steps": steps}, ensure_ascii=False), encoding="utf-8")
        os.replace(aside, self.path)


def _read(path: Path) -> tuple[list[Step], int]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        steps = [Step(str(gesture), document) for gesture, document in content["steps"]]
        at = int(content["at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DesignError(f"{path} cannot be read as the history of a design ({error}). Open another design.") from None
    if not 0 <= at < len(steps):
        raise DesignError(
            f"{path} is damaged: it has {len(steps)} steps and points at number {at}. Open another design."
        )
    return steps, at
