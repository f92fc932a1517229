"""A drawn shape, and what a browser says about one: values without a screen."""

from dataclasses import dataclass

Corner = tuple[float, float]
Ring = tuple[Corner, ...]
Part = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape on the map.

    Attributes
    ----------
    id
        Never changes.
    name
        What stands on the map, as text.
    kind
        The kind of its region: "polygon", "box", ….
    rings
        Its parts, most often one. A part is its outer ring, then its holes; a ring is its corners (lon, lat) in
        degrees, in order, the first one not repeated. Longitudes count on across the antimeridian.
    colour
        As ``#rrggbb``; empty for one by its place in the set.
    """

    id: str
    name: str
    kind: str
    rings: tuple[Part, ...]
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one gesture of a person changed.

    Attributes
    ----------
    number
        Counts the gestures that were accepted, so that no commit equals another.
    added, changed, removed
        Ids of shapes.
    """

    number: int
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of the browser.

    Attributes
    ----------
    number
        Grows with every message of a figure.
    verb
        "add", "change" or "remove" a shape; "turn" to another tool or selection.
    id, kind, rings
        Of the shape; empty where the verb needs none.
    mode, selected
        The tool and the selected shape after the gesture.
    """

    number: int
    verb: str
    id: str
    kind: str
    rings: tuple[Part, ...]
    mode: str
    selected: str
