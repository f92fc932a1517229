"""Scores of many partitions by several processes of ours, each of which asks for the next portion when it has done one.

They are plain processes of ``python -m``: they import nothing of the script, notebook or server that asks, which needs
no ``if __name__ == "__main__"``, and may ask from any thread.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from typing import IO

from motrain_app.runs.environment import own_environment
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.scores.entries import Entries
from motrain_app.runs.scores.grouping import Cuts
from motrain_app.runs.scores.portions import Portion
from motrain_app.runs.scores.question import ScoreQuestion
from motrain_app.runs.scores.score_process import from_bytes, to_line

COMMAND = (sys.executable, "-m", "motrain_app.runs.scores.score_process")
_ALONE = "Nothing is lost; workers=1 scores in this process alone, with the least memory."


def score_in_processes(
    folder: RunFolder, question: ScoreQuestion, cuts: Cuts | None, portions: Sequence[Portion], *, workers: int
) -> Entries | None:
    """Score portions and return their scores in the order of the portions, whichever process took them.

    No process is left when this returns or raises, nor when it is interrupted.

    Raises
    ------
    RunError
        Where a process refuses the question, or dies.
    """
    first, rest = to_line(folder, question, cuts), _Rest(portions)
    found: list[Entries | None] = [None] * len(portions)
    with ExitStack() as closing, ThreadPoolExecutor(workers, "motrain-scores") as pool, ExitStack() as ending:
        jobs = []
        for _ in range(workers):
            scorer = closing.enter_context(_Scorer())
            ending.callback(scorer.end)  # before the pool waits for its thread
            jobs.append(pool.submit(_serve, scorer, first, rest, found))
        _raise_first(jobs)
    return Entries.joined([one for one in found if one is not None])


class _Rest:
    """Hands out portions, each once, to whichever thread asks next."""

    def __init__(self, portions: Sequence[Portion]) -> None:
        self._lock, self._left = threading.Lock(), iter(enumerate(portions))

    def __iter__(self) -> Iterator[tuple[int, Portion]]:
        while True:
            with self._lock:
                one = next(self._left, None)
            if one is None:
                return
            yield one


def _serve(scorer: "_Scorer", first: bytes, rest: _Rest, found: list[Entries | None]) -> None:
    """Have one process score what is left, portion by portion."""
    scorer.tell(first)
    for place, portion in rest:
        found[place] = scorer.ask(portion)


def _raise_first(jobs: Sequence[Future[None]]) -> None:
    """Wait until all is scored, or something went wrong, and raise that."""
    done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
    for job in done:
        job.result()


class _Scorer:
    """One process that scores; see `motrain_app.runs.scores.score_process`."""

    def __init__(self) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        try:
            self._process = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=own_environment()
            )
        except OSError as error:
            self._said.close()
            raise RunError(f"No process can be started to score partitions ({error}). {_ALONE}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asks: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout

    def tell(self, line: bytes) -> None:
        """Send a line."""
        with suppress(OSError):  # that it died is seen, with the reason, when an answer is waited for
            self._asks.write(line)
            self._asks.flush()

    def ask(self, portion: Portion) -> Entries | None:
        """Have a portion scored; RunError where that is refused, or the process dies."""
        self.tell(json.dumps(portion).encode() + b"\n")
        line = self._answers.readline()
        answer = json.loads(line) if line.endswith(b"\n") else {}
        if "refused" in answer:
            raise RunError(answer["refused"])
        size = answer.get("bytes", -1)
        content = self._answers.read(size) if size > 0 else b""
        if size < 0 or len(content) < size:
            raise RunError(f"A process that scored partitions died ({self._why()}). {_ALONE}")
        return from_bytes(content)

    def _why(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode(errors="replace").strip().splitlines()
        return words[-1] if words else f"exit code {code}, perhaps for want of memory"

    def end(self) -> None:
        """End the process, whatever it does, and with it what a thread still waits for."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "_Scorer":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._said.close()
        self._answers.close()
        with suppress(OSError):  # what was not sent
            self._asks.close()
