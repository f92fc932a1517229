"""What surrounds every page: top bar with the design as a sentence, rail, inspector, drawer; and the keys."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import panel as pn
import panel_material_ui as pmui

from motrain_app.runs.progress import duration
from motrain_app.ui.keyboard import KEYS, Keyboard
from motrain_app.ui.page import session_page
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.sentence import Clause, PageName, design_sentence
from motrain_app.ui.session import Session
from motrain_app.ui.theme import DRAWER_HEIGHT, INSPECTOR_WIDTH, RAIL_WIDTH, THEME
from motrain_app.ui.toast import Toast


class PageView(Protocol):
    """One page: what it puts into the three places of the frame."""

    name: PageName
    title: str
    icon: str

    def centre(self) -> pn.viewable.Viewable:
        """Return what fills the middle."""
        ...

    def inspector(self) -> Sequence[Any]:
        """Return what stands at the right, from top to bottom."""
        ...

    def drawer(self) -> pn.viewable.Viewable:
        """Return what lies below the centre."""
        ...


class Frame:
    """The page of one session.

    Parameters
    ----------
    session
        Whose state is shown.
    pages
        By name, in the rail's order.
    follower
        The run whose state stands in the top bar.
    stop
        Asks that run to end.
    keys
        What further keys do, by their names.
    """

    def __init__(
        self,
        session: Session,
        pages: Mapping[PageName, PageView],
        follower: RunFollower,
        stop: Callable[[], Any],
        keys: Mapping[str, Callable[[], Any]],
    ) -> None:
        self._session, self._pages, self._follower = session, pages, follower
        # It gives way where the bar is narrow, so that no button is pushed over another.
        self._clauses = [self._clause(clause) for clause in design_sentence(session.design)]
        self._sentence = pn.Row(
            *self._clauses,
            sizing_mode="stretch_width",
            margin=(0, 8, 0, 16),
            styles={"overflow": "hidden", "min-width": "0"},
            css_classes=["mt-sentence"],
        )
        self._undo = self._icon("undo", "mt-undo", session.undo)
        self._redo = self._icon("redo", "mt-redo", session.redo)
        self._help = self._icon("help_outline", "mt-help", self._show_keys)
        self._help.description = "Keys"
        self._run = pmui.Typography(
            "", variant="caption", margin=(0, 8), sx={"color": "white", "whiteSpace": "nowrap"}, sizing_mode=None,
            css_classes=["mt-run-chip"],
        )  # fmt: skip
        self._stop = self._icon("stop_circle", "mt-stop-run", stop)
        self._stop.param.update(description="Stop the run after what it trains now", visible=False)
        self._saved = pmui.Typography(
            "Saved", variant="caption", margin=(0, 8), sx={"color": "white", "opacity": 0.8}, sizing_mode=None,
            css_classes=["mt-saved"],
        )  # fmt: skip
        self._rail = {name: self._rail_button(page) for name, page in pages.items()}
        self._centre = pn.Column(sizing_mode="stretch_both", margin=0, css_classes=["mt-centre"])
        self._drawer = pn.Column(
            sizing_mode="stretch_width", height=DRAWER_HEIGHT, margin=0, scroll=True, css_classes=["mt-drawer"]
        )
        self._inspector = pn.Column(sizing_mode="stretch_both", margin=0, scroll=True, css_classes=["mt-inspector"])
        self._toast = Toast(session.undo)
        self._keys = _key_list()
        self.keyboard = Keyboard({**self._own_keys(), **keys})
        self.view = session_page(
            title="motrain",
            theme_config=THEME,
            header=[
                self._sentence,
                self._run,
                self._stop,
                self._saved,
                self._undo,
                self._redo,
                self._help,
            ],
            sidebar=list(self._rail.values()),
            sidebar_width=RAIL_WIDTH,
            sidebar_resizable=False,
            sidebar_variant="permanent",
            contextbar=[self._inspector],
            contextbar_open=True,
            contextbar_variant="permanent",
            contextbar_width=INSPECTOR_WIDTH,
            main=[
                pn.Column(self._centre, self._drawer, sizing_mode="stretch_both", margin=0),
                self._toast.view,
                self._keys,
                self.keyboard,
            ],
            dark_theme=session.dark,
        )
        self.view.param.watch(lambda event: session.param.update(dark=event.new), "dark_theme")
        session.param.watch(self._show_page, "page")
        session.param.watch(self._show_design, ["design", "run"])
        session.param.watch(lambda event: event.new and self._toast.tell(*event.new), "notice")
        follower.param.watch(self._show_run, ["state", "news", "remaining"])
        self._show_page()
        self._show_design()
        self._show_run()

    def _own_keys(self) -> dict[str, Callable[[], Any]]:
        go = {
            str(number): lambda name=name: self._session.param.update(page=name)
            for number, name in enumerate(self._pages, start=1)
        }
        return {**go, "undo": self._session.undo, "redo": self._session.redo, "?": self._show_keys}

    def _show_keys(self) -> None:
        self._keys.open = not self._keys.open

    def _icon(self, icon: str, css: str, action: Callable[[], Any]) -> pmui.IconButton:
        button = pmui.IconButton(
            icon=icon, css_classes=[css], margin=0, width=34, styles=_RIGID, sx={"color": "white"}, size="small"
        )
        button.on_click(lambda event: action())
        return button

    def _rail_button(self, page: PageView) -> pmui.Button:
        button = pmui.Button(
            label=page.title,
            icon=page.icon,
            variant="text",
            width=RAIL_WIDTH - 8,
            margin=(2, 4),
            css_classes=["mt-rail", f"mt-rail-{page.name}"],
        )
        button.on_click(lambda event: self._session.param.update(page=page.name))
        return button

    def _show_page(self, *_: Any) -> None:
        page = self._pages[self._session.page]
        for name, button in self._rail.items():
            button.sx = _rail_style(chosen=name == page.name)
        self._centre.objects = [page.centre()]
        self._inspector.objects = list(page.inspector())
        self._drawer.objects = [page.drawer()]

    def _show_design(self, *_: Any) -> None:
        opened = 0 if self._session.run is None else len(self._session.run.openings)
        for shown, clause in zip(self._clauses, design_sentence(self._session.design, opened=opened), strict=True):
            shown.label = clause.text
        for button, gesture, word in (
            (self._undo, self._session.can_undo, "Undo"),
            (self._redo, self._session.can_redo, "Redo"),
        ):
            button.disabled = not gesture
            button.description = f"{word}: {gesture}" if gesture else f"Nothing to {word.lower()}"

    def _show_run(self, *_: Any) -> None:
        follower = self._follower
        self._stop.visible = follower.busy
        words = ""
        if follower.busy:
            words = f"{follower.state} {100 * follower.share:.0f} %"
            if follower.remaining is not None:
                words += f", {duration(follower.remaining)} to go"
        self._run.object = words
        self._run.visible = bool(words)

    def _clause(self, clause: Clause) -> pmui.Button:
        button = pmui.Button(
            label=clause.text,
            variant="text",
            size="small",
            margin=0,
            sx=_CLAUSE,
            styles={"flex": "0 1 auto", "min-width": "40px"},
            css_classes=[f"mt-clause-{clause.page}"],
        )
        button.on_click(lambda event: self._session.param.update(page=clause.page))
        return button


def _key_list() -> pmui.Dialog:
    """Return the list of keys, closed."""
    rows = [
        pn.Row(
            pmui.Typography(f"**{key}**", variant="body2", width=170, margin=(2, 8)),
            pmui.Typography(words, variant="body2", margin=(2, 8), sizing_mode="stretch_width"),
        )
        for key, words in KEYS.items()
    ]
    return pmui.Dialog(*rows, title="Keys", show_close_button=True, close_on_click=True, css_classes=["mt-keys"])


_RIGID = {"flex": "0 0 auto"}
_CLAUSE = {
    "color": "white",
    "textTransform": "none",
    "minWidth": 0,
    "padding": "2px 8px",
    "maxWidth": "min(420px, 100%)",
    "display": "block",  # in a flex box a long text loses both its ends, and shows no ellipsis
    "textAlign": "left",
    "overflow": "hidden",
    "textOverflow": "ellipsis",
    "whiteSpace": "nowrap",
}


def _rail_style(*, chosen: bool) -> dict[str, Any]:
    """Icon above label; the chosen page is tinted."""
    return {
        "flexDirection": "column",
        "textTransform": "none",
        "fontSize": "11px",
        "minWidth": 0,
        "padding": "6px 0",
        "color": "primary.main" if chosen else "text.secondary",
        "backgroundColor": "action.selected" if chosen else "transparent",
        "& .MuiButton-startIcon, & .MuiIcon-root": {"margin": 0},
    }
