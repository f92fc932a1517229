"""The walk through the app with real mouse and keys: the first three minutes, and what a killed server leaves."""

import re
import socket
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect

from motrain_app.data import make_sample, write_sample
from motrain_app.design.sample_design import sample_design
from motrain_app.runs import Run
from motrain_app.ui.targets import sample_folder
from tests.conftest import PATIENCE
from tests.runs.conftest import environment
from tests.ui.serving import address_of

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.slow]
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


class App:
    """`motrain` as a process, which a test may kill and start again."""

    def __init__(self, folder, *target):
        self.folder, self.runs = folder, folder / "runs"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._target = [str(path) for path in target]
        self.start()

    def start(self):
        command = [sys.executable, "-m", "motrain_app", "serve", *self._target, "--no-browser"]
        command += ["--port", str(self.port), "--runs", str(self.runs)]
        environ = {**environment(), "XDG_CACHE_HOME": str(self.folder / "cache")}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=self.folder, env=environ, text=True)
        assert address_of(self.process) == self.url

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start_app(tmp_path):
    """Return a function that starts the app, with what it is to open."""
    running = []

    def start(*target):
        running.append(App(tmp_path, *target))
        return running[0]

    yield start
    for app in running:
        app.kill()


@pytest.fixture
def tab(page):
    """A tab that counts what goes wrong: outside requests, which are refused, and console errors."""
    page.set_viewport_size(SIZE)
    wrong = []

    def watch(route):
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


def _draw(tab, corners):
    """Draw a polygon with P, clicks and Enter."""
    tab.locator(".mt-map").hover(position={"x": 5, "y": 5})
    tab.keyboard.press("p")
    tab.get_by_text("Click to start").first.wait_for()
    for corner in corners:
        tab.mouse.click(*tab.evaluate(PLACE, corner))
    tab.keyboard.press("Enter")


def _go(tab, name):
    """Go to a page, and wait until it is there."""
    tab.locator(f".mt-rail-{name}").click()
    tab.locator(".mt-inspector h6").get_by_text(name.capitalize(), exact=True).wait_for()
    if name != "validation":
        tab.locator(".mt-map-home").wait_for()


def _press(tab, css):
    """Click a button as soon as it may be pressed."""
    tab.locator(f".{css}").get_by_role("button").click()


def _choose(tab, select, option):
    """Choose from a list that opens."""
    tab.locator(select).get_by_role("combobox").click()
    tab.get_by_role("option", name=option).or_(tab.get_by_role("menuitem", name=option)).click()


def _train(tab, done):
    """Press Start and wait for the run's end."""
    _go(tab, "training")
    _press(tab, "mt-start")
    tab.locator(".mt-run-state").get_by_text(f"done: {done} done").wait_for()


def _paste_the_snippet(tab, app):
    """Run what the Operators page says, in a Python of its own, and return what it prints."""
    _go(tab, "operators")
    tab.locator(".mt-operator-words").get_by_text("members").wait_for()
    code = tab.locator(".mt-snippet textarea").first.input_value()
    paste = [sys.executable, "-c", code]
    return subprocess.run(paste, capture_output=True, text=True, check=True, env=environment(), cwd=app.folder).stdout


def _unexpected(tab):
    return [fault for fault in tab.wrong if "WebSocket" not in fault and "ERR_CONNECTION" not in fault]


def test_the_first_three_minutes_on_the_sample(start_app, tab, tmp_path):
    # As if it had been opened before, and of fewer cells.
    write_sample(sample_folder(tmp_path / "cache") / "data.zarr", cells=80)
    app = start_app()
    tab.goto(app.url)
    tab.get_by_text("Bias (predicted − observed) of backscatter, out-of-fold, ridge2").wait_for()
    tab.mouse.click(*tab.evaluate(PLACE, [2.5, 47.5]))
    tab.locator(".mt-series-words").get_by_text("out-of-fold RMSE").wait_for()
    tab.locator(".mt-series-plot canvas").first.wait_for()

    _draw(tab, [[5, 44], [10, 43.5], [16, 44.5], [16, 48], [6, 48]])
    expect(tab.locator(".mt-rename input").first).to_have_value("region 1")
    tab.locator(".mt-region-words").get_by_text(re.compile("(gain|loss) .* against one for all")).wait_for()
    _draw(tab, [[8, 51], [20, 51], [20, 57.5], [8, 57.5]])
    expect(tab.locator(".mt-rename input").nth(1)).to_have_value("region 2")
    _press(tab, "mt-rest")
    tab.locator(".mt-sentence").get_by_text("3 regions × all time").wait_for()
    tab.locator(".mt-headline").get_by_text("partitioning lowers the RMSE of ridge by").wait_for()

    _press(tab, "mt-undo")
    tab.locator(".mt-sentence").get_by_text("2 regions × all time").wait_for()
    _press(tab, "mt-redo")
    tab.locator(".mt-sentence").get_by_text("3 regions × all time").wait_for()

    _go(tab, "validation")
    tab.get_by_text("Answers how good operators are in a new time").wait_for()
    _choose(tab, ".mt-jackknife", "Random folds of days")
    expect(tab.locator(".mt-verdict .MuiAlert-root")).to_have_class(re.compile("Error"))
    tab.locator(".mt-verdict").get_by_text(re.compile(r"optimistic by [\d.]+ % for ridge")).wait_for()
    tab.keyboard.press("Control+z")
    tab.locator(".mt-sentence").get_by_text("leave one year out").wait_for()

    _train(tab, done=3)
    _go(tab, "skill")
    tab.locator(".mt-skill-headline").get_by_text(re.compile(r"Partitioning pays: RMSE −[\d.]+ % \[")).wait_for()
    tab.locator(".mt-test-words").get_by_text("The test is sealed").wait_for()
    _press(tab, "mt-open-test")
    tab.locator(".mt-test-words").get_by_text("Test (the members' mean)").wait_for()
    tab.locator(".mt-sentence").get_by_text("opened").wait_for()
    tab.locator(".mt-truth input").click()
    tab.locator(".mt-map").get_by_text("true regimes").wait_for()
    assert "['backscatter', 'slope']" in _paste_the_snippet(tab, app)

    app.kill()
    app.start()
    tab.goto(app.url)
    tab.locator(".mt-sentence").get_by_text("3 regions × all time").wait_for()

    # What a link or a reload asks for is there, although it is read before the browser is ready.
    tab.goto(f"{app.url}?page=skill&cell=40")
    tab.locator(".mt-skill-headline").get_by_text("Partitioning pays").wait_for()
    tab.locator(".mt-skill-table .tabulator-row").nth(2).wait_for()
    tab.locator(".mt-series-words").get_by_text("out-of-fold RMSE").wait_for()
    assert _unexpected(tab) == []


def test_the_same_way_with_a_file_of_ones_own(start_app, tab, shared_data):
    app = start_app(shared_data / "ascat_isba_5cells.nc")
    tab.goto(app.url)
    tab.get_by_text("Still needed: at least one input and one output").wait_for()
    for role, names in {"input": ("TG1", "WG1", "WG2"), "output": ("sig",)}.items():
        for name in names:
            tab.locator(".mt-variables").get_by_text(name, exact=True).click()
            tab.get_by_text(name, exact=True).and_(tab.locator("strong")).wait_for()
            tab.locator(".mt-role").get_by_role("button", name=role, exact=True).click()
    _press(tab, "mt-begin")
    tab.locator(".mt-sentence").get_by_text("TG1, WG1, WG2 → sig").wait_for()
    _train(tab, done=1)

    _go(tab, "partitions")
    tab.mouse.click(*tab.evaluate(PLACE, [6.625, 46.125]))
    tab.locator(".mt-series-words").get_by_text("46.12° N, 6.62° E").wait_for()
    _draw(tab, [[4, 51], [14, 51], [14, 56.6], [4, 56.6]])
    tab.locator(".mt-region-words").get_by_text("2 cells").wait_for()
    _press(tab, "mt-rest")
    tab.locator(".mt-headline").get_by_text("partitioning lowers the RMSE of ridge by").wait_for()

    _go(tab, "validation")
    tab.locator(".mt-test-date input").fill("2017-01-01")
    tab.keyboard.press("Enter")
    tab.locator(".mt-sentence").get_by_text("test from 2017, sealed").wait_for()
    _train(tab, done=2)
    _go(tab, "skill")
    tab.locator(".mt-skill-headline").get_by_text("Whether partitioning pays is not known").wait_for()
    _press(tab, "mt-open-test")
    tab.locator(".mt-test-words").get_by_text("region 1").wait_for()
    assert "['sig']" in _paste_the_snippet(tab, app)
    assert _unexpected(tab) == []


def test_killing_the_server_in_mid_run_leaves_the_run_to_its_end(start_app, tab, tmp_path):
    make_sample(cells=80, years=5).to_zarr(tmp_path / "data.zarr", consolidated=False)
    app = start_app(sample_design(tmp_path / "data.zarr", years=5).save(tmp_path / "design.json"))
    tab.goto(app.url)
    _press(tab, "mt-each-cell")
    tab.locator(".mt-sentence").get_by_text("one partition a cell").wait_for()
    _go(tab, "training")
    _press(tab, "mt-start")
    tab.locator(".mt-run-state").get_by_text(re.compile("waiting|done")).wait_for()
    app.kill()
    run = Run.open(next(path for path in app.runs.iterdir() if (path / "run.json").exists()))
    end = time.monotonic() + PATIENCE
    while run.state in ("running", "not started") and time.monotonic() < end:
        time.sleep(0.2)
    assert run.state == "done"
    assert run.counts == {"done": 80}
