"""A process that scores portions of a run's partitions: ``python -m motrain_app.runs.scores.score_process``.

Its first line of input is the question, as JSON; each further line are numbers of partitions, to which it answers on
its output with a line that tells how many bytes follow, and the arrays of `Entries` in NumPy's format: nothing that
comes in or goes out can run. It ends when its input does, so that it never outlives for long who asked.
"""

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np

from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.opening import openings
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.entries import Entries, grouping_for, reader_for, score_entries
from motrain_app.runs.scores.grouping import Cuts
from motrain_app.runs.scores.judged_rows import OF_TEST
from motrain_app.runs.scores.question import ScoreQuestion

Scorer = Callable[[list[int]], Entries | None]


def to_line(folder: RunFolder, question: ScoreQuestion, cuts: Cuts | None) -> bytes:
    """Return what a process is asked, as its first line."""
    asked = {
        "folder": str(folder.path.resolve()),
        "question": asdict(question),
        "cuts": None if cuts is None else asdict(cuts),
    }
    return json.dumps(asked).encode() + b"\n"


def from_line(line: bytes) -> Scorer:
    """Return what scores partitions by their numbers, as a first line asks for."""
    asked = json.loads(line)
    folder = RunFolder(Path(asked["folder"]))
    question = ScoreQuestion(**{name: _tuple(value) for name, value in asked["question"].items()})
    cuts = None if asked["cuts"] is None else Cuts(**{name: tuple(ends) for name, ends in asked["cuts"].items()})
    if question.rows == OF_TEST and not openings(folder):
        raise RunError("The test is sealed. run.open_test() opens it, and records that.")
    plan, design = Plan.load(folder.plan), folder.design()
    grouping = grouping_for(folder, design, plan, question, cuts)
    reader = reader_for(folder, plan, question)
    return lambda numbers: score_entries(reader.only(numbers), question, grouping, design.seed)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def to_bytes(entries: Entries | None) -> bytes:
    """Return scores as the bytes that stand for them; none at all where there is no score."""
    content = io.BytesIO()
    for array in () if entries is None else astuple(entries):
        np.save(content, array, allow_pickle=False)
    return content.getvalue()


def from_bytes(content: bytes) -> Entries | None:
    """Return what `to_bytes` took."""
    if not content:
        return None
    source = io.BytesIO(content)
    number, group, packed = (np.load(source, allow_pickle=False) for _ in range(3))
    return Entries(number, group, packed)


def main() -> None:
    """Answer until the input ends. A refusal is an answer, too; whatever else goes wrong ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches all; who asked ends this process
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        try:
            score = from_line(sys.stdin.buffer.readline())
            for line in sys.stdin.buffer:
                content = to_bytes(score(json.loads(line)))
                answers.write(json.dumps({"bytes": len(content)}).encode() + b"\n" + content)
                answers.flush()
        except RunError as error:
            answers.write(json.dumps({"refused": str(error)}).encode() + b"\n")
        except BrokenPipeError:  # who asked has gone
            os._exit(1)


if __name__ == "__main__":
    main()
