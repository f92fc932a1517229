"""What the server alone writes is not taken back from a browser, which may say what it showed a moment ago.

A React component of Panel 1.9.4 writes what it has drawn back into its model. Where a second change came before it had
drawn the first, the first overwrites the second: the browser shows words that are no longer true, and the server would
take them for a person's.
"""

from typing import Any

import panel_material_ui as pmui
from panel.reactive import Syncable
from panel_material_ui.base import MaterialComponent

# Properties of the components of the screen that nobody can type or click into; named alike in model and parameter.
_OURS = frozenset({"object", "label", "options", "disabled", "description", "icon", "color", "variant", "sx", "title"})


def _process_events(component: MaterialComponent, events: dict[str, Any]) -> None:
    value = {"value"} if _is_no_choice(component, events.get("value")) else set()
    echoes = sorted((_OURS | value).intersection(events))
    rest = {name: value for name, value in events.items() if name not in echoes}
    if rest:
        Syncable._process_events(component, rest)
    if echoes:
        component.param.trigger(*echoes)  # says once more what is true now


def _is_no_choice(component: MaterialComponent, value: Any) -> bool:
    """Say whether nobody can have chosen a value: of a bar, or of a list that no longer offers it."""
    if isinstance(component, pmui.Select) and isinstance(value, str) and value:
        return value not in component.labels and value not in component.unicode_values
    return isinstance(component, pmui.LinearProgress)


MaterialComponent._process_events = _process_events
