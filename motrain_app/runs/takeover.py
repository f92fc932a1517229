"""Taking over: a partition that another run of the same folder has trained already, exactly so, is not trained again.

Its block file gets a second name in this run, so that nothing is lost here when the other run is deleted. The file
holds other partitions too, and numbers of the other run: which of its places are whose, the store alone knows.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from motrain_app.learning.registering import Registered
from motrain_app.runs.blockfile import BlockFile, sha256_of
from motrain_app.runs.durable import link_durably
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.origins import Offer, Origins
from motrain_app.runs.partition_fingerprint import fingerprint_partitions
from motrain_app.runs.plan import Plan
from motrain_app.runs.siblings import runs_on
from motrain_app.runs.store import Finished, RunStore

RUNS_AT_MOST = 200  # that are looked into, the newest: reading a store of 100,000 partitions takes a third of a second
_BLOCK_FILE = re.compile(r"(from\.[^/\\\0]+\.)?\d+-\d+\.safetensors")
_NAME_AT_MOST = 120  # of a run within the name of a file


def take_over(
    run: RunFolder,
    store: RunStore,
    modules: Sequence[Registered] = (),
    *,
    progress: Callable[[float], None] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Take from other runs what they have of the partitions that wait; each file is committed as it comes.

    Parameters
    ----------
    run, store
        Of this run; what waits is given its fingerprint in any case, so that later runs can take it over.
    modules
        That were imported for this run.
    progress
        Called with the share of the waiting partitions that were taken over, 0 to 1.
    stopped
        Asked between files.
    """
    origins, plan = Origins(store), Plan.load(run.plan)
    staged = run.staged().name
    origins.put_fingerprints(fingerprint_partitions(run.design(), plan, staged=staged, modules=modules))
    wanted = origins.wanted() if run.info().get("take_over", True) else {}
    n = len(wanted)
    taker = _Taker(run, store, plan)
    for other in _other_runs(run):
        for offers in _offered(other, wanted):
            if stopped():
                return
            for fingerprint in taker.take(other, offers, wanted):
                del wanted[fingerprint]
            progress(1 - len(wanted) / n)
        if not wanted:
            return


def _other_runs(run: RunFolder) -> list[RunFolder]:
    """Return the runs beside this one on the same rows, the newest first."""
    here = run.path.resolve()
    others = (
        other
        for other in runs_on(here.parent, run.info()["fingerprint"])
        # A link would bring the same run twice, or one of another folder.
        if not other.path.is_symlink() and other.path != here and other.staged().name == run.staged().name
    )
    return list(islice(others, RUNS_AT_MOST))


def _offered(other: RunFolder, wanted: Mapping[bytes, int]) -> list[list[Offer]]:
    """Return what a run has of the wanted partitions, file after file; nothing where it cannot be read."""
    try:
        with RunStore(other.store) as store:
            offers = [offer for offer in Origins(store).offers() if offer.fingerprint in wanted]
    except (RunError, OSError, sqlite3.Error):
        return []
    return [list(group) for _, group in groupby(offers, key=lambda offer: offer.file)]


class _Taker:
    """Brings block files of other runs into this one.

    Parameters
    ----------
    run, store, plan
        Of this run.
    """

    def __init__(self, run: RunFolder, store: RunStore, plan: Plan) -> None:
        self._run, self._store, self._plan = run, store, plan
        self._files = {name: sha256 for name, (sha256, _) in store.files().items()}

    def take(self, other: RunFolder, offers: Sequence[Offer], wanted: Mapping[bytes, int]) -> list[bytes]:
        """Take over partitions that stand in one file of a run; return the fingerprints of those that it really holds.

        Parameters
        ----------
        wanted
            Their numbers in this run.
        """
        file, sha256 = offers[0].file, offers[0].sha256
        name = _name_here(other, file)
        if not name or self._files.get(name, sha256) != sha256:  # another file of this name is here already
            return []
        target = self._run.blocks / name
        try:
            if name not in self._files:
                _bring(other.blocks / file, target, sha256)
            with BlockFile.open(target) as block:
                found = self._read(block, offers, wanted)
        except (RunError, OSError, KeyError, ValueError):  # it is trained instead
            found = {}
        if found:
            trained_in = offers[0].trained_in or _readable(other.path.name)
            self._store.commit_file(name, sha256, -1, list(found.values()), trained_in=trained_in)
            self._files[name] = sha256
        elif name not in self._files:
            target.unlink(missing_ok=True)
        return list(found)

    def _read(self, block: BlockFile, offers: Sequence[Offer], wanted: Mapping[bytes, int]) -> dict[bytes, Finished]:
        """Return what stands at the offered places, as far as it is what it should be."""
        ids, scores = block.array("ids"), block.array("scores")
        present = np.asarray(block.array("present").any(axis=1))
        found = {}
        for offer in offers:
            number, position = wanted[offer.fingerprint], offer.position
            if 0 <= position < len(ids) and ids[position] == self._plan.ids[number] and present[position]:
                found[offer.fingerprint] = Finished(number, position, scores[position], None)
        return found


def _bring(source: Path, target: Path, sha256: str) -> None:
    """Give a file its second name, if it is what its run recorded."""
    link_durably(source, target)
    if sha256_of(target) != sha256:
        raise RunError(f"{source} is damaged.")


def _name_here(other: RunFolder, file: str) -> str:
    """Return the name that a block file of another run gets here: it says who trained it. Empty for what is none."""
    if not _BLOCK_FILE.fullmatch(str(file)):
        return ""
    return file if file.startswith("from.") else f"from.{_readable(other.path.name)[:_NAME_AT_MOST]}.{file}"


def _readable(name: str) -> str:
    """Return the name of a folder without bytes that are no text."""
    return name.encode("utf-8", "replace").decode()
