"""The app under ``panel serve``, for those who deploy with Panel: their server, address and proxy."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import panel as pn

from motrain_app.ui.guard import HostNames
from motrain_app.ui.page import freed_when_closed
from motrain_app.ui.server import TITLE
from motrain_app.ui.services import Cluster, Services, open_services

# One for all sessions of the process.
_services = cache(open_services)


def show_session(
    target: str | None = None,
    *,
    runs: str | Path = "runs",
    roots: Sequence[str | Path] = (),
    cluster: Cluster | None = None,
    host_names: Sequence[str] = (),
) -> None:
    """Show the app in the session that Panel has just begun; arguments as for `motrain_app.ui.server.serve`.

    Panel's own server stands before us here: it looks at no Host, and sends no headers that protect. The Host is looked
    at once more before a session holds anything; the headers are for the proxy to add.
    """
    context = pn.state.curdoc.session_context
    if not HostNames(host_names).allow(context.request.host):
        pn.pane.Str(
            "This app is not reached by that host name. Whoever serves it may allow it: "
            "panel serve motrain_app --args --host-name NAME"
        ).servable(title=TITLE)
        return
    from motrain_app.ui.app import make_page

    services: Services = _services(target, runs=runs, roots=tuple(roots), cluster=cluster)
    freed_when_closed(make_page(services)).servable(title=TITLE)
