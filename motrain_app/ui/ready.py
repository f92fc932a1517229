"""What a session does by itself waits until its browser has the page."""

from collections.abc import Callable
from typing import Any

import panel as pn


def when_ready(act: Callable[[], Any]) -> None:
    """Run a function or coroutine function on the session's own loop: at once, or when its page is ready.

    A browser that has begun to load holds the document as it was; what changes before it says that it is ready never
    reaches it.
    """
    if pn.state.curdoc is None or pn.state.loaded:
        pn.state.execute(act)
    else:
        pn.state.onload(act)
