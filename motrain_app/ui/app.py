"""The app: one session's page, put together."""

import hashlib
import weakref
from pathlib import Path

import panel as pn
from panel.io.resources import LOCAL_DIST

from motrain_app.design import Design
from motrain_app.design.history import DesignHistory
from motrain_app.runs import RunFolder
from motrain_app.ui.address import follow_address
from motrain_app.ui.frame import Frame
from motrain_app.ui.live import LiveSkill
from motrain_app.ui.pages.data import DataPage
from motrain_app.ui.pages.operators import OperatorsPage
from motrain_app.ui.pages.partitions import PartitionsPage
from motrain_app.ui.pages.skill import SkillPage
from motrain_app.ui.pages.training import TrainingPage
from motrain_app.ui.pages.validation import ValidationPage
from motrain_app.ui.ready import when_ready
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import RunScores
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.start import StartPage
from motrain_app.ui.targets import Target

TICK_MS = 400


def make_page(services: Services) -> pn.viewable.Viewable:
    """Return the page of a new session."""
    pn.extension("tabulator")  # tables come after the page, which must have their script
    _own_stylesheets()
    target = services.target
    assert target is not None
    path = services.runs_folder / "designs" / f"{_slug(target.path)}.json"
    if target.kind == "data" and not path.exists():
        return StartPage(services, target.path, path).view
    session = Session(DesignHistory(path, _first_design(target)), services.dataset)
    return _page_of(session, services, target)


def _page_of(session: Session, services: Services, target: Target) -> pn.viewable.Viewable:
    session.run = services.run(target.path) if target.kind == "run" else services.run_of(session.design)
    stage, live = Stage(session), LiveSkill(session, services)
    session.param.watch(lambda event: when_ready(live.follow), "layout")  # begun before the pages draw
    follower, starter = RunFollower(session, services), RunStarter(session, services)
    scores = RunScores(follower)
    partitions = PartitionsPage(session, stage, live, follower, scores)
    training = TrainingPage(session, stage, services, follower, starter, scores)
    pages = (
        DataPage(session, stage, services),
        partitions,
        ValidationPage(session, services),
        training,
        SkillPage(session, stage, services, follower, starter, scores),
        OperatorsPage(session, stage, follower, starter, scores),
    )
    keys = {
        "p": lambda: partitions.draw("polygon"),
        "b": lambda: partitions.draw("box"),
        "v": lambda: partitions.draw("edit"),
        "delete": stage.drawing.remove_selected,
        "arrowleft": lambda: partitions.step(-1),
        "arrowright": lambda: partitions.step(1),
    }
    frame = Frame(session, {page.name: page for page in pages}, follower, training.stop, keys)
    pn.state.onload(live.follow)
    pn.state.onload(lambda: _keep_looking(follower))
    pn.state.onload(lambda: _begin(session, starter, target))
    follow_address(session, services)
    return frame.view


def _own_stylesheets() -> None:
    """Have all of the session's stylesheets come from our own server.

    Panel says so only while it renders a page's HTML. A session that a websocket opened by itself, since the one of its
    page had been freed, would ask Panel's CDN.
    """
    if pn.state.curdoc is not None:
        prefix = f"{pn.state.rel_path}/" if pn.state.rel_path else ""
        pn.state.curdoc.template_variables["dist_url"] = f"{prefix}{LOCAL_DIST}"


def _keep_looking(follower: RunFollower) -> None:
    """Follow the run from now on."""
    # Panel's own timers remember the document of the first session for ever; that must not keep the session.
    followed = weakref.ref(follower)

    def look() -> None:
        if (alive := followed()) is not None:
            alive.look()

    # Bokeh's own: Panel's would tell every browser, at every look, that the app is busy.
    pn.state.curdoc.add_periodic_callback(look, TICK_MS)


def _begin(session: Session, starter: RunStarter, target: Target) -> None:
    """Train the sample's one operator everywhere, where that was never done."""
    if target.ready and session.run is None and session.layout is not None:
        starter()


def _first_design(target: Target) -> Design | None:
    """Return the design that a target brings; None for data, whose design has been saved."""
    match target.kind:
        case "data":
            return None
        case "run":
            return RunFolder(target.path).design()
        case _:
            return Design.load(target.path)


def _slug(path: Path) -> str:
    return f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
