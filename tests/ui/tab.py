"""The app in a tab of a browser, as a hand with a mouse and a keyboard uses it."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

SIZE = {"width": 1366, "height": 768}
PLACE = """([lon, lat]) => {
  const figures = [...Bokeh.documents[0]._all_models.values()].filter(model => model.name === "mt-map-figure")
  const {model: {x_range, y_range}, frame: {bbox}, canvas_view} = Bokeh.index.find_one_by_id(figures[0].id)
  const {left, top} = canvas_view.events_el.getBoundingClientRect()
  return [
    left + bbox.left + bbox.width * (lon - x_range.start) / (x_range.end - x_range.start),
    top + bbox.top + bbox.height * (y_range.end - lat) / (y_range.end - y_range.start),
  ]
}"""


def watched(page: Page) -> Page:
    """Return a tab that keeps in ``wrong`` its requests to elsewhere, which it refuses, and its console errors."""
    page.set_viewport_size(SIZE)
    wrong: list[str] = []

    def watch(route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(route.request.url)
            route.abort()

    page.route("**/*", watch)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(error.stack or str(error)))
    page.wrong = wrong
    return page


def unexpected(tab: Page) -> list[str]:
    """Return what went wrong, but for what a killed server brings with it."""
    return [fault for fault in tab.wrong if "WebSocket" not in fault and "ERR_CONNECTION" not in fault]


def click(tab: Page, lon: float, lat: float) -> None:
    """Click at a place of the map."""
    tab.mouse.click(*tab.evaluate(PLACE, [lon, lat]))


def coast_points(tab: Page) -> int:
    """Return of how many points the coasts on the map are."""
    return tab.evaluate("""() => {
      const models = [...Bokeh.documents[0]._all_models.values()]
      const {data} = models.find(model => model.name === "mt-map-coast").data_source
      return [...(data.get ? data.get("lon") : data.lon)].reduce((sum, line) => sum + line.length, 0)
    }""")


def draw(tab: Page, corners: Sequence[Sequence[float]]) -> None:
    """Draw a polygon with P, clicks and Enter."""
    tab.locator(".mt-map").hover(position={"x": 5, "y": 5})
    tab.keyboard.press("p")
    tab.get_by_text("Click to start").first.wait_for()
    for corner in corners:
        click(tab, *corner)
    tab.keyboard.press("Enter")


def go(tab: Page, name: str) -> None:
    """Go to a page, and wait until it is there."""
    tab.locator(f".mt-rail-{name}").click()
    tab.locator(".mt-inspector h6").get_by_text(name.capitalize(), exact=True).wait_for()
    if name != "validation":
        tab.locator(".mt-map-home").wait_for()


def press(tab: Page, css: str) -> None:
    """Click a button as soon as it may be pressed."""
    tab.locator(f".{css}").get_by_role("button").click()


def choose(tab: Page, select: str, option: str) -> None:
    """Choose from a list that opens."""
    tab.locator(select).get_by_role("combobox").click()
    tab.get_by_role("option", name=option).or_(tab.get_by_role("menuitem", name=option)).click()
