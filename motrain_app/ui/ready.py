"""When a page may be changed: once its browser has it, and with the lock of its document."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import panel as pn
from panel.reactive import Syncable

# Panel has the lock for what a browser says at once, but not for what it puts off, as while other changes wait to be
# taken in; it reads this mark where it schedules them.
for _handler in (Syncable._event_coroutine, Syncable._change_coroutine):
    _handler.lock = True


def when_ready(act: Callable[[], Any]) -> None:
    """Run a function or coroutine function on the session's own loop: at once, or when its page is ready.

    A browser that has begun to load holds the document as it was; what changes before it says that it is ready never
    reaches it.
    """
    if pn.state.curdoc is None or pn.state.loaded:
        pn.state.execute(act)
    else:
        pn.state.onload(act)


def one_message() -> AbstractContextManager[object]:
    """Have what changes meanwhile sent as one message.

    Until a browser says that its page is ready, Panel's `hold` drops changes, although that browser has the document
    already: each is sent by itself then.
    """
    return pn.io.hold() if pn.state.loaded else nullcontext()


def put_value(field: Any, value: Any) -> None:
    """Show another value in a field, over whatever was typed there.

    What a text field is worth and what stands in it are two properties: if they came one after the other, what somebody
    typed between them would stay, and Enter would not be told.
    """
    with one_message():
        field.value = value


async def with_lock(change: Callable[[], Any]) -> None:
    """Change the page after an ``await``, where the lock of its document is lost.

    Bokeh refuses a change that comes while it sends others, and what it refuses never reaches the browser.
    """
    context = None if pn.state.curdoc is None else pn.state.curdoc.session_context
    if context is None or context.session is None:  # a script, a test
        change()
    else:
        await context.with_locked_document(lambda document: change())


class Background:
    """Work away from the event loop, and what it leads to on the page; a later call overtakes an earlier one.

    Parameters
    ----------
    work
        Coroutine function; it reads, and changes nothing on the page.
    then
        Takes what `work` returned, to change the page. It is not called where a later call came between.
    refused
        Takes an error in the place of that. Errors of other kinds than ``errors`` are faults of the program.
    errors
        What may happen.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[Any]],
        then: Callable[[Any], Any],
        refused: Callable[[Exception], Any] | None = None,
        errors: tuple[type[Exception], ...] = (),
    ) -> None:
        self._work, self._then, self._refused, self._errors = work, then, refused, errors
        self._turn = 0
        self._on_its_way: int | None = None
        self._renew = False

    def __call__(self) -> None:
        """Begin, once the page is ready."""
        self._turn += 1
        self._on_its_way, self._renew = self._turn, False
        when_ready(partial(self._see_through, self._turn))

    @property
    def is_on_its_way(self) -> bool:
        """Whether something was begun that has led to nothing yet."""
        return self._on_its_way is not None

    def renew(self) -> None:
        """Begin, or begin again after what is on its way: news that come faster than the work let all be shown."""
        if self._on_its_way is None:
            self()
        else:
            self._renew = True

    def forget(self) -> None:
        """Let what is on its way lead to nothing."""
        self._turn += 1
        self._on_its_way, self._renew = None, False

    async def _see_through(self, turn: int) -> None:
        if turn != self._turn:  # a later call came while the page was not ready
            return
        try:
            change = partial(self._then, await self._work())
        except self._errors as error:
            assert self._refused is not None
            change = partial(self._refused, error)
        except BaseException:
            if turn == self._turn:
                self.forget()  # a fault of the program, told in the log; what comes later begins anew
            raise
        await with_lock(partial(self._end, turn, change))

    def _end(self, turn: int, change: Callable[[], Any]) -> None:
        if turn == self._turn:
            self._on_its_way = None
            change()
        if self._renew and self._on_its_way is None:
            self()
