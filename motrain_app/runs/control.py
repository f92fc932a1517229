"""Control files: what a person asks of a running driver. The app and the command line write only these."""

from pathlib import Path
from typing import Literal

Request = Literal["stop", "cancel", "pause"]


class Control:
    """The folder ``control/`` of a run.

    ``pause``: feed nothing new. ``stop``: finish what runs, then end. ``cancel``: end now; workers look once an epoch.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / "control"

    def ask(self, request: Request) -> None:
        """Ask the driver for something."""
        (self._folder / request).touch()

    def asked(self, request: Request) -> bool:
        """Say whether something was asked for."""
        return (self._folder / request).exists()

    def forget(self, *requests: Request) -> None:
        """Take requests back; all of them where none is named."""
        for request in requests or ("stop", "cancel", "pause"):
            (self._folder / request).unlink(missing_ok=True)
