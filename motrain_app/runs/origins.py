"""Where results come from: the fingerprints of a run's partitions, and who trained what it took over."""

from collections.abc import Sequence
from dataclasses import dataclass

from motrain_app.runs.store import RunStore


@dataclass(frozen=True, slots=True)
class Offer:
    """A done partition that another run may take over.

    Attributes
    ----------
    fingerprint
        Of all that decides its result.
    file, sha256, position
        Block file, its hash as it was recorded, and place in it.
    trained_in
        The run that trained it, where this one took it over itself; empty otherwise.
    """

    fingerprint: bytes
    file: str
    sha256: str
    position: int
    trained_in: str


class Origins:
    """The two tables of a store that say so; a store of an earlier version has none of them, and so nothing to say.

    Parameters
    ----------
    store
        Of the run.
    """

    def __init__(self, store: RunStore) -> None:
        self._store, self._db = store, store.database
        known = "SELECT name FROM sqlite_master WHERE name IN ('fingerprint', 'taken_over')"
        self._known = len(self._db.execute(known).fetchall()) == 2

    def put_fingerprints(self, fingerprints: Sequence[bytes]) -> None:
        """Keep the fingerprints of all partitions that wait, by number; of none where there are none.

        Of those that are done it stays what it was when they were trained, maybe by another version.
        """
        waiting = [number for (number,) in self._db.execute("SELECT number FROM partition WHERE state='waiting'")]
        with self._store.transaction():
            self._db.executemany("DELETE FROM fingerprint WHERE number=?", [(number,) for number in waiting])
            if fingerprints:
                values = [(number, fingerprints[number]) for number in waiting]
                self._db.executemany("INSERT INTO fingerprint VALUES (?, ?)", values)

    def wanted(self) -> dict[bytes, int]:
        """Return the numbers of the partitions that wait, by fingerprint."""
        query = "SELECT value, number FROM fingerprint JOIN partition USING (number) WHERE state='waiting'"
        return dict(self._db.execute(query).fetchall())

    def offers(self) -> list[Offer]:
        """Return the done partitions whose fingerprint is known, file after file."""
        if not self._known:
            return []
        query = (
            "SELECT value, file, sha256, position, COALESCE(run, '') FROM fingerprint JOIN partition USING (number) "
            "JOIN file ON file.name=partition.file LEFT JOIN taken_over USING (number) WHERE state='done' "
            "ORDER BY file, position"
        )
        return [Offer(*row) for row in self._db.execute(query)]

    def taken_over(self) -> dict[str, str]:
        """Return the names of the partitions that were taken over, each with that of the run that trained it."""
        if not self._known:
            return {}
        query = "SELECT name, run FROM taken_over JOIN partition USING (number) ORDER BY number"
        return dict(self._db.execute(query).fetchall())

    def counts(self) -> dict[str, int]:
        """Return how many partitions were taken over from each run, the most first."""
        if not self._known:
            return {}
        query = "SELECT run, COUNT(*) AS n FROM taken_over GROUP BY run ORDER BY n DESC, run"
        return dict(self._db.execute(query).fetchall())
