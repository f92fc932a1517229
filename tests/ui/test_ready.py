"""Work in the background shows what was asked last, and changes a page only with the lock of its document."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.server.contexts import BokehSessionContext
from bokeh.server.session import ServerSession
from panel.io.state import set_curdoc
from panel.models.esm import DataEvent
from tornado.ioloop import IOLoop

from motrain_app.ui.keyboard import Keyboard
from motrain_app.ui.ready import Background


class Desk:
    """Work that waits until it is let go, and what came of it."""

    def __init__(self, **options):
        self.begun, self.shown, self.refused = [], [], []
        self.gates = []
        self.wanted = 0
        self.background = Background(self._work, self.shown.append, self.refused.append, (OSError,), **options)

    async def _work(self):
        gate, wanted = asyncio.Event(), self.wanted
        self.begun.append(wanted)
        self.gates.append(gate)
        await gate.wait()
        if wanted < 0:
            raise OSError("gone")
        return wanted


def served(scene):
    """Run a coroutine function with a desk and the server session of a page that is ready, on a loop of its own."""

    async def run():
        document = Document()
        document.add_root(ColumnDataSource({"a": [0]}))
        context = BokehSessionContext("one", None, document)
        session = ServerSession("one", document, io_loop=IOLoop.current())
        context._set_session(session)
        document._session_context = lambda: context
        pn.state._loaded[document] = True
        with set_curdoc(document):
            await scene(Desk(), session)

    with ThreadPoolExecutor(1) as thread:  # browser tests of this process keep a loop in the main thread
        thread.submit(asyncio.run, run()).result()


async def soon(true):
    """Wait until something is true, or fail."""
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


def test_what_a_later_call_overtakes_is_not_shown():
    async def scene(desk, session):
        for desk.wanted in (1, 2):
            desk.background()
            await soon(lambda: len(desk.gates) == desk.wanted)
        desk.gates[1].set()
        await soon(lambda: desk.shown)
        desk.gates[0].set()
        await asyncio.sleep(0.05)
        assert desk.shown == [2]

    served(scene)


def test_what_is_forgotten_is_not_shown():
    async def scene(desk, session):
        desk.background()
        await soon(lambda: desk.gates)
        desk.background.forget()
        desk.gates[0].set()
        await asyncio.sleep(0.05)
        assert desk.shown == []

    served(scene)


def test_news_are_shown_however_fast_they_come():
    async def scene(desk, session):
        for desk.wanted in (1, 2, 3):
            desk.background.renew()
        await soon(lambda: desk.gates)
        assert desk.begun == [3]  # the first, which begins when the loop comes to it
        desk.wanted = 4
        desk.background.renew()
        desk.gates[0].set()
        await soon(lambda: len(desk.gates) == 2)
        assert desk.shown == [3]
        desk.gates[1].set()
        await soon(lambda: len(desk.shown) == 2)
        assert desk.shown == [3, 4]
        await asyncio.sleep(0.05)
        assert desk.begun == [3, 4]

    served(scene)


def test_an_expected_error_is_told():
    async def scene(desk, session):
        desk.wanted = -1
        desk.background()
        await soon(lambda: desk.gates)
        desk.gates[0].set()
        await soon(lambda: desk.refused)
        assert str(desk.refused[0]) == "gone"
        assert desk.shown == []

    served(scene)


def test_after_a_fault_of_the_program_all_begins_anew():
    async def scene(desk, session):
        desk.background._errors = ()
        desk.wanted = -1
        desk.background()
        await soon(lambda: desk.gates)
        desk.gates[0].set()
        await soon(lambda: not desk.background.is_on_its_way)
        desk.wanted = 2
        desk.background.renew()
        await soon(lambda: len(desk.gates) == 2)
        desk.gates[1].set()
        await soon(lambda: desk.shown)
        assert desk.shown == [2]

    served(scene)


@pytest.mark.parametrize("while_sending", [False, True])
def test_the_page_is_changed_with_the_lock_of_its_document(while_sending):
    async def scene(desk, session):
        source = session.document.roots[0]
        held = []

        def change(value):
            held.append(session._pending_writes is not None)
            source.data = {"a": [value]}  # which Bokeh refuses without the lock

        desk.background._then = change
        desk.background()
        await soon(lambda: desk.gates)
        sent = asyncio.Event()
        if while_sending:  # Bokeh keeps the lock until all is sent, and takes nothing more meanwhile
            sending = asyncio.ensure_future(
                session.with_document_locked(lambda: session._pending_writes.append(sent.wait()))
            )
            await asyncio.sleep(0)
        desk.gates[0].set()
        await asyncio.sleep(0.05)
        sent.set()
        await soon(lambda: held)
        if while_sending:
            await sending
        assert held == [True]
        assert source.data["a"] == [0]

    served(scene)


def test_what_a_browser_says_is_answered_with_the_lock_even_where_it_is_put_off():
    sessions, held = [], []
    keyboard = Keyboard({"p": lambda: held.append(sessions[0]._pending_writes is not None)})

    async def scene(desk, session):
        document = session.document
        sessions.append(session)

        async def taken_in():
            pass

        pn.state._change_callbacks[document] = {"another change": taken_in}  # which makes Panel put the key off
        keyboard._server_event(document, DataEvent(None, {"key": "p"}))
        assert held == []
        await soon(lambda: held)
        assert held == [True]
        del pn.state._change_callbacks[document]

    served(scene)
