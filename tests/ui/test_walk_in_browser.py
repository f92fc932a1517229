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
from tests.ui.serving import address_of, wait_until
from tests.ui.tab import choose, click, coast_points, draw, go, press, unexpected

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.slow]


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


def _train(tab, done):
    """Press Start and wait for the run's end."""
    go(tab, "training")
    press(tab, "mt-start")
    tab.locator(".mt-run-state").get_by_text(f"done: {done} trained").wait_for()


def _paste_the_snippet(tab, app):
    """Run what the Operators page says, in a Python of its own, and return what it prints."""
    go(tab, "operators")
    tab.locator(".mt-operator-words").get_by_text("members").wait_for()
    snippet = tab.locator(".mt-snippet textarea").first
    expect(snippet).not_to_have_value("")  # it comes after the words
    code = snippet.input_value()
    paste = [sys.executable, "-c", code]
    return subprocess.run(paste, capture_output=True, text=True, check=True, env=environment(), cwd=app.folder).stdout


def test_the_first_three_minutes_on_the_sample(start_app, tab, tmp_path):
    # As if it had been opened before, and of fewer cells.
    write_sample(sample_folder(tmp_path / "cache") / "data.zarr", cells=80)
    app = start_app()
    tab.goto(app.url)
    tab.get_by_text("Bias (predicted − observed) of backscatter, out-of-fold, ridge2").wait_for()
    wait_until(lambda: coast_points(tab) > 1000)
    click(tab, 2.5, 47.5)
    tab.locator(".mt-series-words").get_by_text("out-of-fold RMSE").wait_for()
    tab.locator(".mt-series-plot canvas").first.wait_for()

    draw(tab, [[5, 44], [10, 43.5], [16, 44.5], [16, 48], [6, 48]])
    expect(tab.locator(".mt-rename input").first).to_have_value("region 1")
    tab.locator(".mt-region-words").get_by_text(re.compile("(gain|loss) .* against one for all")).wait_for()
    draw(tab, [[8, 51], [20, 51], [20, 57.5], [8, 57.5]])
    expect(tab.locator(".mt-rename input").nth(1)).to_have_value("region 2")
    press(tab, "mt-rest")
    tab.locator(".mt-sentence").get_by_text("3 regions × all time").wait_for()
    tab.locator(".mt-headline").get_by_text("partitioning lowers the RMSE of ridge by").wait_for()

    press(tab, "mt-undo")
    tab.locator(".mt-sentence").get_by_text("2 regions × all time").wait_for()
    press(tab, "mt-redo")
    tab.locator(".mt-sentence").get_by_text("3 regions × all time").wait_for()

    go(tab, "validation")
    tab.get_by_text("Answers how good operators are in a new time").wait_for()
    choose(tab, ".mt-jackknife", "Random folds of days")
    expect(tab.locator(".mt-verdict .MuiAlert-root")).to_have_class(re.compile("Error"))
    tab.locator(".mt-verdict").get_by_text(re.compile(r"optimistic by [\d.]+ % for ridge")).wait_for()
    tab.keyboard.press("Control+z")
    tab.locator(".mt-sentence").get_by_text("leave one year out").wait_for()

    _train(tab, done=3)
    go(tab, "skill")
    tab.locator(".mt-skill-headline").get_by_text(re.compile(r"Partitioning pays: RMSE −[\d.]+ % \[")).wait_for()
    beyond = re.compile(r"Partitioning pays: .* Beyond random partitions .*, by ridge2\): −[\d.]+ % \[−")
    tab.locator(".mt-skill-headline").get_by_text(beyond).wait_for(timeout=3000 * PATIENCE)
    tab.locator(".mt-test-words").get_by_text("The test is sealed").wait_for()
    press(tab, "mt-open-test")
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
    assert unexpected(tab) == []


def test_the_same_way_with_a_file_of_ones_own(start_app, tab, shared_data):
    app = start_app(shared_data / "ascat_isba_5cells.nc")
    tab.goto(app.url)
    tab.get_by_text("Still needed: at least one input and one output").wait_for()
    wait_until(lambda: coast_points(tab) > 1000)
    for role, names in {"input": ("TG1", "WG1", "WG2"), "output": ("sig",)}.items():
        for name in names:
            tab.locator(".mt-variables").get_by_text(name, exact=True).click()
            tab.get_by_text(name, exact=True).and_(tab.locator("strong")).wait_for()
            tab.locator(".mt-role").get_by_role("button", name=role, exact=True).click()
    press(tab, "mt-begin")
    tab.locator(".mt-sentence").get_by_text("TG1, WG1, WG2 → sig").wait_for()
    _train(tab, done=1)

    go(tab, "partitions")
    click(tab, 6.625, 46.125)
    tab.locator(".mt-series-words").get_by_text(re.compile("46.12° N, 6.62° E.*out-of-fold RMSE")).wait_for()
    draw(tab, [[4, 51], [14, 51], [14, 56.6], [4, 56.6]])
    tab.locator(".mt-region-words").get_by_text("2 cells").wait_for()
    press(tab, "mt-rest")
    tab.locator(".mt-headline").get_by_text("partitioning lowers the RMSE of ridge by").wait_for()

    go(tab, "validation")
    tab.locator(".mt-test-date input").fill("2017-01-01")
    tab.keyboard.press("Enter")
    tab.locator(".mt-sentence").get_by_text("test from 2017, sealed").wait_for()
    _train(tab, done=2)
    go(tab, "skill")
    tab.locator(".mt-skill-headline").get_by_text("against one operator for all").wait_for()
    press(tab, "mt-open-test")
    tab.locator(".mt-test-words").get_by_text("region 1").wait_for()
    assert "['sig']" in _paste_the_snippet(tab, app)
    assert unexpected(tab) == []


def test_killing_the_server_in_mid_run_leaves_the_run_to_its_end(start_app, tab, tmp_path):
    make_sample(cells=80, years=5).to_zarr(tmp_path / "data.zarr", consolidated=False)
    app = start_app(sample_design(tmp_path / "data.zarr", years=5).save(tmp_path / "design.json"))
    tab.goto(app.url)
    press(tab, "mt-each-cell")
    tab.locator(".mt-sentence").get_by_text("one partition a cell").wait_for()
    go(tab, "training")
    press(tab, "mt-start")
    tab.locator(".mt-run-state").get_by_text(re.compile("waiting|done")).wait_for()
    app.kill()
    run = Run.open(next(path for path in app.runs.iterdir() if (path / "run.json").exists()))
    end = time.monotonic() + PATIENCE
    while run.state in ("running", "not started") and time.monotonic() < end:
        time.sleep(0.2)
    assert run.state == "done"
    assert run.counts == {"done": 80}
