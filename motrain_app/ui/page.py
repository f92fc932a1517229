"""The page of a session: Panel's own, without what would tie sessions together or keep a closed one alive."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.themes import Theme
from panel.util import edit_readonly

from motrain_app.ui import echo  # noqa: F401 - from now on, echoes are told from gestures
from motrain_app.ui.theme import PLOT_THEME


class _Idle(param.Parameterized):
    busy = param.Boolean(default=False, doc="Never true.")


def session_page(**options: Any) -> pmui.Page:
    """Return a page of a session of its own; options as for `pmui.Page`.

    A `pmui.Page` watches whether anybody's session is busy. So one person's click would write into the documents of all
    others, which Bokeh refuses (the click is lost), and the server would keep every page for ever.
    """
    if pn.state.curdoc is not None:
        pn.state.curdoc.theme = Theme(json=PLOT_THEME)
    page = pmui.Page(**options)
    with edit_readonly(page):
        page.busy = _Idle().param.busy
    return page


def freed_when_closed(page: Any) -> Any:
    """Return a page of which nothing stays alive when its session ends.

    Panel 1.9.4 empties the models before it asks a `pmui.Page` to clean up, which then knows of no child; HoloViews
    would keep every plot of it, and through the plots the session, for ever.
    """
    pn.state.on_session_destroyed(partial(_clean_up, page))
    return page


def _clean_up(page: Any, session_context: Any) -> None:
    for part in page.select():
        for root in list(part._models):
            part._cleanup(SimpleNamespace(ref={"id": root}))
