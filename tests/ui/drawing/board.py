"""A map that is drawn on in a browser: its layer on the server, its marks on the page, its messages between the two."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import panel as pn
import panel_material_ui as pmui
from playwright.sync_api import Browser, Locator

from motrain_app.ui.drawing.layer import DrawingLayer
from motrain_app.ui.drawing.shape import Shape
from motrain_app.ui.map import MapView
from motrain_app.ui.map.extent import same_extent
from motrain_app.ui.page import session_page
from tests.ui.map.conftest import LAT, LON
from tests.ui.map.screen import Screen, screens

Place = tuple[float, float]
HINTS = {"polygon": "Click to start a region", "box": "Drag a box, or click two opposite corners"}


class Board:
    """One map with a drawing layer, and a field to type into beside it."""

    def __init__(self) -> None:
        self._sent: list[str] = []  # messages of the browser, by kind
        self.screen: Screen
        self.layer: DrawingLayer
        self.swap: pn.Column

    def page(self, maps: Sequence[MapView]) -> Any:
        """Lay out the page of a session."""
        self.layer = DrawingLayer(maps[0].figure)
        self.swap = pn.Column(maps[0], sizing_mode="stretch_both", margin=0)
        field = pmui.TextInput(label="name", css_classes=["mt-field"])
        return session_page(title="Drawing", main=[pn.Column(field, self.swap, sizing_mode="stretch_both")])

    def listen(self, socket: Any) -> None:
        """Note every message that the browser sends over a websocket."""

        def note(frame: str | bytes) -> None:
            if isinstance(frame, str) and '"msgtype":"' in frame:
                self._sent.append(frame.split('"msgtype":"')[1].split('"')[0])

        socket.on("framesent", note)

    def sent(self) -> list[str]:
        """Return the messages since `forget_sent`, by kind."""
        self.screen.page.evaluate("0")  # what was sent before its answer has been reported with it
        return self._sent

    def forget_sent(self) -> None:
        """Begin to count messages anew."""
        self.sent().clear()

    # What the person does

    def click(self, *places: Place, **options: Any) -> None:
        """Click at places, one after another."""
        for place in places:
            self.screen.page.mouse.click(*self.screen.at(*place), **options)

    def move(self, place: Place) -> None:
        """Move the mouse to a place."""
        self.screen.page.mouse.move(*self.screen.at(*place))

    def drag(self, start: Place, end: Place, *, drop: bool = True) -> None:
        """Drag from one place to another, through one between."""
        mouse = self.screen.page.mouse
        (x, y), (u, v) = self.screen.at(*start), self.screen.at(*end)
        mouse.move(x, y)
        mouse.down()
        mouse.move((x + u) / 2, (y + v) / 2)
        mouse.move(u, v)
        if drop:
            mouse.up()

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.screen.page.keyboard.press(key)

    # What is seen

    def marks(self, selector: str) -> Locator:
        """Return marks of the drawing on the page."""
        return self.screen.page.locator(f".mt-drawing {selector}")

    def drawn(self) -> list[str]:
        """Return the ids of the shapes that the browser shows."""
        # All at one moment: one that is counted may be gone when it is asked.
        return sorted(self.marks(".area-group").evaluate_all("groups => groups.map(group => group.dataset.id)"))

    @property
    def hint(self) -> str:
        """What the person is told."""
        return self.marks(".mt-drawing-hint").text_content()

    # What the server holds

    def holds(self, number: int = 1) -> list[tuple[Place, ...]]:
        """Wait until the server holds so many shapes, and return their outer rings."""
        self.screen.until(lambda: len(self.layer.shapes) == number)
        return [shape.rings[0][0] for shape in self.layer.shapes]

    def turn(self, mode: str) -> None:
        """Put a tool in hand, from the server, and wait until the browser has it."""
        self.screen.on_server(lambda: self.layer.param.update(mode=mode))
        self.screen.until(lambda: self.hint == HINTS.get(mode, self.hint) and self.has(mode))

    def has(self, mode: str) -> bool:
        """Say whether the browser heard of a tool; its cursor tells after the next move."""
        left, top, width, _ = self.screen.frame("box")
        self.screen.page.mouse.move(left + width / 2, top + 20)
        self.screen.page.mouse.move(left + width / 2 + 1, top + 20)
        cursors = self.screen.page.locator("[data-mt-cursor]")
        found = cursors.evaluate_all("found => found[0]?.dataset.mtCursor ?? null")
        return found == {"pan": None, "polygon": "crosshair", "box": "crosshair", "edit": "default"}[mode]

    def set(self, *shapes: Shape, selected: str = "") -> None:
        """Replace the set from the server, and wait until the browser shows it."""

        def change() -> None:
            self.layer.set_shapes(shapes)
            self.layer.selected = selected

        self.screen.on_server(change)
        self.screen.until(lambda: self.drawn() == sorted(shape.id for shape in shapes))
        self.screen.until(lambda: self.marks(".area-group.selected").count() == bool(selected))

    def clear(self) -> None:
        """Begin anew: no shapes, no tool, all cells in sight."""
        self.screen.page.locator("body").focus()
        self.set()
        self.turn("pan")
        self.screen.settled()  # else home may be where the server believes the view to be already
        self.screen.on_server(self.screen.view.zoom_home)
        home = self.screen.view.locator.home
        self.screen.until(lambda: _holds(tuple(self.screen.frame("ranges")), home))
        self.screen.settled()
        self.forget_sent()


def _holds(seen: tuple[float, ...], home: tuple[float, ...]) -> bool:
    """Say whether a view is that of all cells: as high or as wide as it must be."""
    return same_extent((0, 1, *seen[2:]), (0, 1, *home[2:])) or same_extent((*seen[:2], 0, 1), (*home[:2], 0, 1))


def corners(ring: Sequence[Place], digits: int = 1) -> list[Place]:
    """Return the corners as precisely as a mouse was moved."""
    return [(round(x, digits), round(y, digits)) for x, y in ring]


@contextmanager
def open_board(browser: Browser) -> Iterator[Board]:
    """Serve a board and open it."""
    page = browser.new_page()
    board = Board()
    page.on("websocket", board.listen)
    try:
        with screens(page) as open_map:
            board.screen = open_map(lambda: MapView(LAT, LON, picking=False), board.page)
            yield board
    finally:
        page.close()
