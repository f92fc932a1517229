"""Finds in a thread what a view shows: the cell of each pixel, and the outlines under them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from bokeh.document import Document

from motrain_app.ui.map.extent import Extent
from motrain_app.ui.map.outlines import Backdrop, backdrop_for
from motrain_app.ui.map.pixels import CellLocator, PixelIndex

# Of the image: 0.5 MB a recolouring. On a larger frame a pixel of the image covers more than one of the screen.
_MOST_PIXELS = 500_000

# Up to a second of work: not for the event loop, on which all sessions wait.
_WORKERS = ThreadPoolExecutor(2, thread_name_prefix="map")


class Sight(NamedTuple):
    """A view and what is in it."""

    index: PixelIndex
    backdrop: Backdrop


class Survey:
    """
    Turns views into sights, one at a time; a view that comes while another is surveyed replaces those that wait.

    Parameters
    ----------
    locator
        Finds the cells.
    document
        Gives the document whose session is served, or None where there is none (a script, a test); then `look`
        returns when all is done.
    arrived
        Is called on the session's own loop.
    """

    def __init__(
        self,
        locator: CellLocator,
        document: Callable[[], Document | None],
        arrived: Callable[[Sight], None],
    ) -> None:
        self._locator = locator
        self._document = document
        self._arrived = arrived
        self._backdrop: Backdrop | None = None
        self._wanted: tuple[Extent, int, int] | None = None
        self._busy = False

    def look(self, extent: Extent, width: int, height: int) -> None:
        """Survey a view in a frame of so many pixels of the screen."""
        coarser = max(1.0, (width * height / _MOST_PIXELS) ** 0.5)
        self._wanted = extent, max(1, round(width / coarser)), max(1, round(height / coarser))
        if self._busy:
            return
        document = self._document()
        if document is None or document.session_context is None:
            self._take(self._work(*self._wanted))
            return
        self._busy = True
        future = _WORKERS.submit(self._work, *self._wanted)
        future.add_done_callback(partial(self._done, document, self._wanted))

    def _work(self, extent: Extent, width: int, height: int) -> Sight:
        backdrop = self._backdrop
        if backdrop is None or not backdrop.serves(extent):
            backdrop = backdrop_for(extent)
        return Sight(self._locator.index(extent, width, height), backdrop)

    def _done(self, document: Document, place: tuple[Extent, int, int], future: Future[Sight]) -> None:
        context = document.session_context
        if context is not None and not context.destroyed:  # nobody looks any more
            document.add_next_tick_callback(partial(self._tell, place, future))

    def _tell(self, place: tuple[Extent, int, int], future: Future[Sight]) -> None:
        self._busy = False
        sight = future.result()
        if self._wanted is not None and self._wanted != place:
            self.look(*self._wanted)
        else:
            self._take(sight)

    def _take(self, sight: Sight) -> None:
        self._backdrop = sight.backdrop
        self._arrived(sight)
