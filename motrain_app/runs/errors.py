"""The error that a run raises, and what it says where there is nothing of the run to read yet."""

from pathlib import Path


class RunError(RuntimeError):
    """A run that cannot start, go on, or be read; says what is wrong, where, and what to do."""


def not_staged_yet(run: Path) -> RunError:
    """Return the error of a run folder that lacks what is written once the rows are staged: plan and store."""
    return RunError(
        f"The run {run} has no store yet: its rows are still being staged, or it was refused before. "
        f"motrain resume {run} goes on, or says why not."
    )
