"""Opened datasets, shared by all sessions for as long as their files stay as they are."""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from motrain_app.data import Opened, fingerprint, open_source

OPENED_AT_MOST = 8

_Asked = tuple[tuple[str, ...], str]  # real paths, remedies as JSON


class Datasets:
    """A cache of opened sources: what was used longest ago goes first.

    It may be asked from several threads at once; a source that two ask for is opened once.

    Parameters
    ----------
    most
        How many to keep.
    """

    def __init__(self, most: int = OPENED_AT_MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Asked, tuple[str, Future[Opened]]] = OrderedDict()

    def open(self, paths: Sequence[str | Path], remedies: Iterable[Mapping[str, Any]] = ()) -> Opened:
        """Open data in canonical form, or return what was opened before; may take seconds.

        Raises
        ------
        DataError
            Where the data cannot be used; nothing is kept then.
        """
        named = [os.fspath(path) for path in paths]
        chosen = [dict(remedy) for remedy in remedies]
        asked = (tuple(os.path.realpath(path) for path in named), json.dumps(chosen, sort_keys=True))
        # Sizes, times and samples of the content are enough to see that a file changed, and cheap enough to ask always.
        mark = fingerprint(named, whole_bytes=0)
        with self._lock:
            known, future = self._kept.get(asked, ("", None))
            ours = future is None or known != mark
            if ours:
                future = Future()
                self._kept[asked] = (mark, future)
            self._kept.move_to_end(asked)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if ours:
            self._open(asked, future, named, chosen)
        return future.result()

    def _open(self, asked: _Asked, future: "Future[Opened]", paths: list[str], remedies: list[dict[str, Any]]) -> None:
        try:
            future.set_result(open_source(paths, remedies=remedies))
        except BaseException as error:
            with self._lock:
                if self._kept.get(asked, ("", None))[1] is future:
                    del self._kept[asked]
            future.set_exception(error)
