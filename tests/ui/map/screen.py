"""A page of the browser with maps on it, served by the app's own server."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from playwright.sync_api import Page

from motrain_app.ui.map import MapView
from motrain_app.ui.map.extent import same_extent
from motrain_app.ui.page import session_page
from tests.conftest import PATIENCE
from tests.ui.conftest import PATIENCE_MS
from tests.ui.serving import running


class Screen:
    """One session in the browser, and all that went wrong there."""

    def __init__(self, page: Page, url: str, maps: list[MapView]) -> None:
        self.page, self.maps = page, maps
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(PATIENCE_MS)
        page.context.route("**/*", self._let_through)
        self._url = url
        page.goto(url)
        page.locator(".mt-map-home").first.wait_for()
        self.until(lambda: all(view._index is not None for view in maps))
        self._document = maps[0].figure.document

    def _let_through(self, route: Any) -> None:
        if route.request.url.startswith((self._url, "blob:", "data:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    @property
    def view(self) -> MapView:
        return self.maps[-1]

    def until(self, is_so: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait until something is so, and let the browser work meanwhile."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, "it did not become so"
            self.page.wait_for_timeout(20)

    def on_server(self, act: Callable[[], Any]) -> Any:
        """Run something on the session's own loop."""
        done: list[Any] = []
        self._document.add_next_tick_callback(lambda: done.append(act()))
        self.until(lambda: done)
        return done[0]

    def frame(self, name: str, view: MapView | None = None) -> Any:
        """Return something of the figure in the browser: its frame's box or ranges."""
        code = {
            "box": "const e = v.canvas_view.events_el.getBoundingClientRect(), b = v.frame.bbox;"
            " return [e.left + b.left, e.top + b.top, b.width, b.height]",
            "ranges": "return [v.model.x_range.start, v.model.x_range.end, v.model.y_range.start, v.model.y_range.end]",
        }[name]
        find = "const v = Bokeh.index.find_one_by_id(id)"
        return self.page.evaluate(f"id => {{ {find}; {code} }}", (view or self.view).figure.id)

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        """Return where a place is on the page."""
        left, top, width, height = self.frame("box")
        lon0, lon1, lat0, lat1 = self.frame("ranges")
        return left + (lon - lon0) / (lon1 - lon0) * width, top + (lat1 - lat) / (lat1 - lat0) * height

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return what place is at a point of the page."""
        left, top, width, height = self.frame("box")
        lon0, lon1, lat0, lat1 = self.frame("ranges")
        return lon0 + (x - left) / width * (lon1 - lon0), lat1 - (y - top) / height * (lat1 - lat0)

    def double_click(self, x: float, y: float) -> None:
        """Click twice, which on a busy machine takes longer than the 300 ms that Bokeh allows."""
        find = "Bokeh.index.find_one_by_id(id).canvas_view.ui_event_bus.ui_gestures.constructor"
        code = f"([id, ms]) => {{ {find}.doubletap_threshold = ms }}"
        self.page.evaluate(code, [self.view.figure.id, 60_000])
        self.page.mouse.dblclick(x, y)
        self.page.evaluate(code, [self.view.figure.id, 300])

    def settled(self) -> None:
        """Wait until the server knows what the browser shows, and has drawn it."""
        self.until(lambda: same_extent(tuple(self.frame("ranges")), self.view.view))
        self.until(lambda: same_extent(self.view._index.extent, self.view.view))


def in_page(maps: list[MapView]) -> Any:
    """Return the app's kind of page with maps that follow its theme."""
    page = session_page(title="Map", main=list(maps))
    for view in maps:
        page.param.watch(lambda change, view=view: view.param.update(dark=change.new), "dark_theme")
    return page


@contextmanager
def screens(page: Page) -> Iterator[Callable[..., Screen]]:
    """Give a function that serves maps and opens them; in the end nothing may have gone wrong on any."""
    opened: list[Screen] = []
    with ExitStack() as servers:

        def open_map(
            make: Callable[[], MapView | list[MapView]],
            lay_out: Callable[[list[MapView]], Any] = in_page,
            size: tuple[int, int] = (1366, 768),
        ) -> Screen:
            maps: list[MapView] = []

            def serve() -> Any:
                made = make()
                maps.extend(made if isinstance(made, list) else [made])
                return lay_out(maps)

            page.set_viewport_size({"width": size[0], "height": size[1]})
            server = servers.enter_context(running(serve))
            opened.append(Screen(page, server.url, maps))
            return opened[-1]

        yield open_map
        page.goto("about:blank")  # before the servers end
    for screen in opened:
        assert screen.errors == []
        assert screen.outside == []
