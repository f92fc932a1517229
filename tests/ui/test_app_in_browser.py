"""The whole app in a browser: names that hold scripts run on no page, and closed tabs leave nothing alive."""

import gc
import weakref
from functools import partial

import pytest

from motrain_app.design import Design, box, the_rest
from motrain_app.runs import create_run
from motrain_app.ui import app
from motrain_app.ui.escape import safe_text
from motrain_app.ui.services import open_services
from motrain_app.ui.session import PAGES, Session
from tests.runs.conftest import drive_here, make_dataset
from tests.ui.conftest import PATIENCE_MS
from tests.ui.serving import running, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]
SCRIPT = "<img src=x onerror=hit()>"


@pytest.fixture
def services(tmp_path):
    """Services on six cells whose names and attributes hold scripts, with a run that is done."""
    names = {"a": f"a{SCRIPT}", "y": f"y{SCRIPT}"}
    dataset = make_dataset().rename(names)
    for variable in dataset.data_vars.values():
        variable.attrs.update(units=f"u{SCRIPT}", long_name=f"l{SCRIPT}")
    dataset.attrs["title"] = f"t{SCRIPT}"
    path = tmp_path / f"cells{SCRIPT}.nc"
    dataset.to_netcdf(path)
    regions = (box(f"north{SCRIPT}", 0, 41.5, 10, 50), the_rest(f"rest{SCRIPT}"))
    design = Design(path, [names["a"], "b"], [names["y"], "bend"], regions=regions, test="2014-01-01", learner="ridge")
    design.save(tmp_path / "design.json")
    assert drive_here(create_run(design, tmp_path / "runs")) == "done"
    made = open_services(tmp_path / "design.json", runs=tmp_path / "runs", roots=[tmp_path])
    yield made
    made.close()


@pytest.fixture
def without_policy(monkeypatch):
    """Switch the guard's policy off, which would stop scripts that somebody forgot to make safe."""
    policy = "default-src * 'unsafe-inline' data: blob: 'unsafe-eval'"
    monkeypatch.setattr("motrain_app.ui.guard.content_policy", lambda host, nonce="": policy)


def test_scripts_in_names_and_attributes_run_on_no_page(page, services, without_policy):
    ran, wrong, outside = [], [], []
    page.expose_function("hit", lambda: ran.append(1))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: outside.append(request.url))
    page.set_viewport_size({"width": 1366, "height": 768})
    with running(partial(app.make_page, services)) as server:
        page.goto(server.url)
        page.locator(".mt-sentence").get_by_text("2 regions").wait_for()
        for name in PAGES:
            page.locator(f".mt-rail-{name}").click()
            page.locator(".mt-inspector h6").get_by_text(name.capitalize(), exact=True).wait_for()
            page.get_by_text("‹img src").first.wait_for()
            page.wait_for_timeout(1000)  # for a script that would come late
        page.locator(".mt-rail-skill").click()
        page.locator(".mt-open-test").get_by_role("button").click()
        page.locator(".mt-test-words").get_by_text(safe_text(f"north{SCRIPT}")).wait_for()
        assert [one for one in outside if not one.startswith((server.url, "data:", "blob:"))] == []
    assert (ran, wrong) == ([], [])


def test_sessions_opened_and_closed_leave_nothing_alive(context, services, monkeypatch, caplog):
    caplog.set_level("INFO", logger="panel.viewable")  # pytest keeps records, and they the models they tell of
    alive = weakref.WeakSet()

    class Watched(Session):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            alive.add(self)

    monkeypatch.setattr(app, "Session", Watched)
    with running(partial(app.make_page, services), check_unused_sessions_milliseconds=100) as server:
        tabs = [context.new_page() for _ in range(3)]
        for tab in tabs:
            tab.set_default_timeout(PATIENCE_MS)
            tab.goto(server.url)
            tab.get_by_text("partitioning lowers the RMSE").wait_for()  # the live skill is there: all has begun
        assert len(alive) == server.session_count == 3
        server._tornado._unused_session_lifetime_milliseconds = 300
        for tab in tabs:
            tab.close()
        wait_until(lambda: server.session_count == 0)
        wait_until(lambda: gc.collect() is not None and not alive)
