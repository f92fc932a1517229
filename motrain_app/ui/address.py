"""The address of the page, which keeps what is looked at: a reload, or a link, brings it back."""

import math
from collections.abc import Callable
from typing import Any

import panel as pn

from motrain_app.runs import RunError
from motrain_app.ui.services import Services
from motrain_app.ui.session import PAGES, Session

DIGITS = 3  # of an extent, in degrees


def follow_address(session: Session, services: Services) -> None:
    """Take page, choice, extent and run from the address, and keep them there from then on."""
    location = pn.state.location
    if location is None:
        return
    _take(session, services, location.query_params)
    for name in ("page", "output", "partition", "cell", "extent", "run"):
        session.param.watch(lambda *_: location.update_query(**_query(session)), name)


def _query(session: Session) -> dict[str, Any]:
    extent = session.extent
    return {
        "page": session.page,
        "output": session.output,
        "cell": session.cell if session.cell is not None else "",
        "extent": ",".join(f"{degrees:.{DIGITS}f}" for degrees in extent) if extent else "",
        "run": session.run.path.name if session.run is not None else "",
    }


def _take(session: Session, services: Services, query: dict[str, Any]) -> None:
    """Take what an address says, as far as it makes sense: anybody can write one."""
    if query.get("page") in PAGES:
        session.page = query["page"]
    if query.get("output") in session.design.outputs:
        session.output = query["output"]
    cells = 0 if session.dataset is None else session.dataset.sizes["space"]
    cell = _read(query.get("cell"), int)
    if cell is not None and 0 <= cell < cells:
        session.cell = cell
    extent = _read(query.get("extent"), lambda text: tuple(float(part) for part in text.split(",")))
    if extent is not None and len(extent) == 4 and all(map(math.isfinite, extent)):
        west, east, south, north = extent
        if west < east and -90 <= south < north <= 90:
            session.extent = extent
    if query.get("run"):
        try:
            session.run = services.run(str(query["run"]))
        except RunError:
            session.notice = ("warning", "The run of this address is not there any more.")


def _read(value: Any, read: Callable[[str], Any]) -> Any:
    """Return what a value of the address means; None where it means nothing."""
    try:
        return read(str(value)) if value not in (None, "") else None
    except ValueError:
        return None
