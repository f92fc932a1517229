"""A page with all that the app's pages are made of: works behind the guard, asks nobody else, is freed when closed."""

import gc
import re
import weakref

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.models import CustomJS

from motrain_app.ui.page import session_page
from tests.ui.conftest import PATIENCE_MS
from tests.ui.serving import running, wait_until

pytestmark = [
    pytest.mark.browser,
]


@pytest.fixture(scope="module", autouse=True)
def extensions():
    """Load what the app loads."""
    pn.extension("tabulator", notifications=True)
    hv.extension("bokeh")
    hv.renderer("bokeh").webgl = False


@pytest.fixture
def tab(page):
    """A tab that writes down what goes wrong, and every address that is asked for."""
    page.wrong, page.asked = [], []
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


def make_page():
    """Return a page with a map, a table, Material and plain widgets, scripts of both kinds and a notice."""
    image = hv.Image(np.arange(600.0).reshape(20, 30)).opts(tools=["hover"], colorbar=True, width=500, height=300)
    button = pmui.Button(label="press", icon="undo", css_classes=["mt-press"])
    words = pmui.Typography("not pressed", css_classes=["mt-words"])

    def press(event):
        words.object = "pressed"
        pn.state.notifications.info("It was pressed.", duration=0)

    button.on_click(press)
    button.js_on_click(code="window.functionRan = true")
    plain = pn.widgets.Button(label="plain", css_classes=["mt-plain"])
    plain.jscallback(clicks="window.plainRan = true")
    figure = pn.pane.HoloViews(image)
    script = CustomJS(code="export default () => { window.moduleRan = true }")
    words_model = pn.pane.Str("x")
    words_model.jscallback(args={"run": script}, object="run.execute({})")
    button.on_click(lambda event: setattr(words_model, "object", "y"))
    return session_page(
        title="motrain",
        header=[button],
        sidebar=[pmui.Select(options=["a", "b"]), pmui.FloatSlider(end=3), pn.widgets.FileDropper()],
        main=[pn.Column(figure, words, plain, words_model, pn.widgets.Tabulator(pd.DataFrame({"a": [1, 2]})))],
    )


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_works_behind_the_guard_and_asks_nobody_else(tab, name):
    with running(make_page) as server:
        url = server.url.replace("127.0.0.1", name)
        tab.goto(url)
        tab.locator(".bk-Figure canvas").first.wait_for()
        tab.locator(".tabulator-row").first.wait_for()
        tab.locator(".mt-press").click()
        tab.locator(".mt-words").get_by_text(re.compile("^pressed$")).wait_for()
        tab.get_by_text("It was pressed.").wait_for()
        tab.locator(".mt-plain").click()
        for ran in ("functionRan", "plainRan", "moduleRan"):
            tab.wait_for_function(f"window.{ran} === true")
        assert tab.wrong == []
        assert [one for one in tab.asked if not one.startswith((url, "data:", "blob:"))] == []
        assert tab.evaluate("document.fonts.check('12px Roboto')")


def test_nothing_elsewhere_can_be_asked_by_a_page(tab):
    """What a script would do that got in all the same."""
    with running(lambda: pn.pane.Str("hello", css_classes=["mt-hello"])) as server:
        tab.goto(server.url)
        tab.locator(".mt-hello").wait_for()
        for attempt in (
            "fetch('http://127.0.0.2:9/')",
            "new Promise((yes, no) => Object.assign(new Image(), {onload: yes, onerror: no, src: 'http://127.0.0.2:9/'}))",
            "new Promise((yes, no) => Object.assign(new WebSocket('ws://127.0.0.2:9/'), {onopen: yes, onerror: no}))",
            "import('http://127.0.0.2:9/a.js')",
        ):
            assert tab.evaluate(f"() => {attempt}.then(() => 'done', () => 'refused')") == "refused"
        refused = [text for text in tab.wrong if "Content Security Policy" in text]
        assert len(refused) >= 4


def test_another_page_cannot_frame_the_app(tab):
    with running(lambda: pn.pane.Str("hello")) as server, running(lambda: pn.pane.Str("other")) as other:
        tab.goto(other.url)
        frame = f"<iframe src='{server.url}'></iframe>"
        tab.route("**/framing", lambda route: route.fulfill(body=frame, content_type="text/html"))
        tab.goto(other.url + "framing")
        tab.wait_for_timeout(1000)
        assert server.session_count == 0 or "chrome-error" in tab.frames[-1].url


def test_a_page_that_cannot_be_made_says_so_and_shows_no_traceback(tab, capfd):
    def broken():
        raise KeyError("<img src=x onerror=alert(1)>")

    with running(broken) as server:
        tab.goto(server.url)
        tab.get_by_text("This page could not be made (KeyError: ’‹img src=x").wait_for()
        assert tab.get_by_text("Traceback").count() == 0


class View:
    """What a session holds, and nothing else does."""

    def __init__(self):
        self.button = pmui.Button(label="press")
        self.button.on_click(self.press)
        self.map = hv.DynamicMap(self.image, streams=[hv.streams.RangeXY()])
        self.page = session_page(
            main=[pn.Column(self.button, self.map, pn.pane.Str("ready", css_classes=["mt-ready"]))]
        )

    def press(self, event):
        self.button.label = "pressed"

    def image(self, x_range, y_range):
        return hv.Image(np.zeros((4, 4)))


@pytest.mark.slow
def test_five_sessions_opened_and_closed_leave_nothing_alive(context, caplog):
    caplog.set_level("INFO", logger="panel.viewable")  # pytest keeps records, and they the models they tell of
    views = weakref.WeakSet()

    def make():
        view = View()
        views.add(view)
        return view.page

    with running(make, check_unused_sessions_milliseconds=100) as server:
        tabs = [context.new_page() for _ in range(5)]
        for tab in tabs:
            tab.set_default_timeout(PATIENCE_MS)
            tab.goto(server.url)
            tab.locator(".mt-ready").wait_for()
        assert server.session_count == 5
        assert len(views) == 5
        # Not before: a session is unused, too, until a busy browser has connected.
        server._tornado._unused_session_lifetime_milliseconds = 300
        for tab in tabs:
            tab.close()
        wait_until(lambda: server.session_count == 0)
        wait_until(lambda: gc.collect() is not None and not views)
