"""The run store: one SQLite row a partition, written by the driver alone, read by everybody.

Each change gets a sequence number, so that a page asks for "what is new since". While a run is driven the file is in
WAL mode, so that readers and the driver do not wait for each other; at the end it is a plain file that opens from a
read-only folder.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.runs.errors import RunError, not_staged_yet

WAITING, DONE, FAILED, SKIPPED = "waiting", "done", "failed", "skipped"

_TABLES = """
CREATE TABLE partition (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    block INTEGER NOT NULL,
    training_rows INTEGER NOT NULL,
    test_rows INTEGER NOT NULL,
    state TEXT NOT NULL,
    file TEXT,
    position INTEGER,
    scores BLOB,
    test_scores BLOB,
    error TEXT,
    seq INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX partition_by_seq ON partition (seq);
CREATE TABLE file (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, block INTEGER NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
"""
# What stores of earlier versions lack; `upgrade` adds it.
_LATER_TABLES = """
CREATE TABLE IF NOT EXISTS fingerprint (number INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS taken_over (number INTEGER PRIMARY KEY, run TEXT NOT NULL);
"""


@dataclass(frozen=True)
class PartitionRow:
    """What the store knows of a partition.

    Attributes
    ----------
    number, id, name
        As in `Partitions`; the id in hexadecimal.
    state
        waiting, done, failed (with `error`), or skipped (nothing to train, with `error`).
    file, position
        Block file and place in it, for finished ones.
    scores, test_scores
        Packed; the latter only after the test was opened.
    """

    number: int
    id: str
    name: str
    block: int
    training_rows: int
    test_rows: int
    state: str
    file: str | None
    position: int | None
    scores: NDArray[np.float64] | None
    test_scores: NDArray[np.float64] | None
    error: str | None
    seq: int

    @property
    def place(self) -> int:
        """Place in the block file of a partition that has one."""
        if self.position is None:
            raise ValueError(f"the partition {self.name!r} is {self.state} and in no block file")
        return self.position


def finished_and_trainable(rows: Sequence[PartitionRow]) -> tuple[int, int]:
    """Return how many partitions are finished, and how many have something to train: a run is partial between."""
    return sum(row.state == DONE for row in rows), sum(row.state != SKIPPED for row in rows)


def failed_words(rows: Sequence[PartitionRow]) -> str:
    """Say how many partitions failed, and where the reasons are, to follow how many are finished; else empty."""
    failed = sum(row.state == FAILED for row in rows)
    return f", {failed:,} failed: run.failures says why" if failed else ""


def check_done(row: PartitionRow) -> None:
    """Raise RunError where a partition is not finished."""
    if row.state != DONE:
        why = f": {row.error}" if row.error else f"; it is {row.state}."
        raise RunError(f"The partition {row.name!r} has no operator{why}")


def by_file(rows: Iterable[PartitionRow]) -> dict[str, list[PartitionRow]]:
    """Return partitions that are in block files by the name of their file, files and partitions in their order."""
    found: dict[str, list[PartitionRow]] = {}
    for row in rows:
        found.setdefault(str(row.file), []).append(row)
    return found


_COLUMNS = tuple(PartitionRow.__annotations__)


@dataclass(frozen=True)
class Finished:
    """A partition that a block file brings: done with its scores, or failed with a reason."""

    number: int
    position: int
    scores: NDArray[np.float64] | None
    error: str | None


class RunStore:
    """The store of one run.

    Parameters
    ----------
    path
        Of the SQLite file.
    write
        True for the driver, and for opening the test.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        if not path.exists():
            raise not_staged_yet(path.parent)
        mode = "rw" if write else "ro"
        self.path = path
        self._write = write
        self._db = sqlite3.connect(
            f"file:{path}?mode={mode}", uri=True, timeout=30, isolation_level=None, check_same_thread=False
        )
        if write:
            self._db.execute("PRAGMA synchronous=FULL")

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for `motrain_app.runs.origins.Origins`."""
        return self._db

    @classmethod
    def create(cls, path: Path, rows: Iterable[Sequence[Any]]) -> "RunStore":
        """Make a store with all partitions waiting or skipped.

        Parameters
        ----------
        rows
            number, id, name, block, training_rows, test_rows, state, error of each partition.
        """
        aside = path.with_name(path.name + ".new")
        aside.unlink(missing_ok=True)
        db = sqlite3.connect(aside)
        db.executescript(_TABLES + _LATER_TABLES)
        fields = "number, id, name, block, training_rows, test_rows, state, error"
        db.executemany(f"INSERT INTO partition ({fields}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.commit()
        db.close()
        aside.replace(path)
        return cls(path, write=True)

    def close(self) -> None:
        """Close; a writer leaves a plain file behind, without WAL."""
        if self._write:
            self.leave_wal()
        self._db.close()

    def __enter__(self) -> "RunStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enter_wal(self) -> bool:
        """Let readers and the driver work side by side; says False where the file system cannot."""
        mode = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        return str(mode).lower() == "wal"

    def leave_wal(self) -> None:
        """Write everything into the one file; a reader that is still there only delays this to its own end."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            pass

    def upgrade(self) -> None:
        """Add the tables that a store of an earlier version lacks."""
        self._db.executescript(_LATER_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[int]:
        """A transaction that gives its changes the next sequence number."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield int(self._db.execute("SELECT COALESCE(MAX(seq), 0) + 1 FROM partition").fetchone()[0])
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def commit_file(
        self, name: str, sha256: str, block: int, finished: Sequence[Finished], *, trained_in: str = ""
    ) -> None:
        """Record a block file and the partitions that it brings, at once and durably; done ones stay as they are.

        Parameters
        ----------
        block
            That it was trained as; −1 where another run trained it.
        trained_in
            Name of that run.
        """
        with self.transaction() as seq:
            self._db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", (name, sha256, block))
            self._db.executemany(
                "UPDATE partition SET state=?, file=?, position=?, scores=?, error=?, seq=? "
                "WHERE number=? AND state<>'done'",
                [
                    (
                        DONE if item.error is None else FAILED,
                        name,
                        item.position,
                        None if item.scores is None else item.scores.tobytes(),
                        item.error,
                        seq,
                        item.number,
                    )
                    for item in finished
                ],
            )
            if trained_in:
                self._db.executemany(
                    "INSERT OR REPLACE INTO taken_over SELECT number, ? FROM partition WHERE number=? AND file=?",
                    [(trained_in, item.number, name) for item in finished],
                )

    def forget_file(self, name: str) -> None:
        """Take back the record of a block file, which no partition is in any more."""
        self._db.execute("DELETE FROM file WHERE name=?", (name,))

    def fail(self, numbers: Iterable[int], reason: str) -> None:
        """Record that partitions could not be trained, and why."""
        with self.transaction() as seq:
            self._db.executemany(
                "UPDATE partition SET state='failed', error=?, seq=? WHERE number=? AND state='waiting'",
                [(reason, seq, number) for number in numbers],
            )

    def wait_again(self, numbers: Iterable[int]) -> None:
        """Put partitions back to waiting: their file is gone or damaged, or a person retries them."""
        again = list(numbers)
        with self.transaction() as seq:
            self._db.executemany(
                "UPDATE partition SET state='waiting', file=NULL, position=NULL, scores=NULL, test_scores=NULL, "
                "error=NULL, seq=? WHERE number=?",
                [(seq, number) for number in again],
            )
            self._db.executemany("DELETE FROM taken_over WHERE number=?", [(number,) for number in again])

    def put_test_scores(self, scores: Mapping[int, NDArray[np.float64]]) -> None:
        """Keep the test scores of an opening."""
        with self.transaction() as seq:
            self._db.executemany(
                "UPDATE partition SET test_scores=?, seq=? WHERE number=?",
                [(value.tobytes(), seq, number) for number, value in scores.items()],
            )

    def put(self, key: str, value: str) -> None:
        """Set a value that describes the run, such as its state."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def get(self, key: str, default: str = "") -> str:
        """Return a value that `put` set."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def partitions(self, *, since: int = -1) -> list[PartitionRow]:
        """Return the partitions that changed after a sequence number, in their order; by default all."""
        columns = ", ".join(_COLUMNS)
        rows = self._db.execute(f"SELECT {columns} FROM partition WHERE seq>? ORDER BY number", (since,))
        return [_partition(row) for row in rows]

    def partition(self, name: str) -> PartitionRow:
        """Return the partition of a name.

        Raises
        ------
        RunError
            Where there is none.
        """
        columns = ", ".join(_COLUMNS)
        row = self._db.execute(f"SELECT {columns} FROM partition WHERE name=?", (name,)).fetchone()
        if row is None:
            known = [one for (one,) in self._db.execute("SELECT name FROM partition ORDER BY number LIMIT 6")]
            some = ", ".join(known) + "." if len(known) < 6 else ", ".join(known[:5]) + ", …"
            raise RunError(f"The run has no partition {name!r}. It has {some}")
        return _partition(row)

    def counts(self) -> dict[str, int]:
        """Return how many partitions are in each state."""
        return dict(self._db.execute("SELECT state, COUNT(*) FROM partition GROUP BY state").fetchall())

    def files(self) -> dict[str, tuple[str, int]]:
        """Return sha256 and block of every recorded file."""
        return {
            name: (sha256, block) for name, sha256, block in self._db.execute("SELECT name, sha256, block FROM file")
        }


def _partition(row: Sequence[Any]) -> PartitionRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in ("scores", "test_scores"):
        values[name] = None if values[name] is None else np.frombuffer(values[name], np.float64)
    return PartitionRow(**values)
