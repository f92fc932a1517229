"""Openings of the test, each of which is recorded before anything is scored."""

import json
from datetime import UTC, datetime
from typing import Any

from motrain_app.runs.durable import write_json_durably
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder


def openings(run: RunFolder) -> list[dict[str, Any]]:
    """Return when the test of a run was opened, the first time first."""
    try:
        recorded: list[dict[str, Any]] = json.loads(run.openings.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise RunError(f"{run.openings} cannot be read ({error}), so that an opening could not be recorded.") from None
    return recorded


def record_opening(run: RunFolder) -> None:
    """Record that the test is opened now; RunError where that leaves no trace, which is no opening."""
    entry = {"opened": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        write_json_durably(run.openings, [*openings(run), entry])
    except OSError as error:
        raise RunError(
            f"The opening cannot be recorded in {run.path} ({error.strerror}); the test stays sealed."
        ) from None
