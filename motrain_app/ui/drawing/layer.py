"""The drawing layer of a figure: what was drawn, as values, and the gestures of a person, one message each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import param
from bokeh.core.property.vectorization import Value
from bokeh.models import ColumnDataSource, CustomJS, CustomJSTransform, LabelSet
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, whatever Bokeh calls it

from motrain_app.ui.drawing.converters import colours_of, columns_from_shapes, utterance_from_columns
from motrain_app.ui.drawing.naming import next_colour, next_name
from motrain_app.ui.drawing.script import drawing_script
from motrain_app.ui.drawing.shape import Commit, Shape, Utterance

MODES = ("pan", "polygon", "box", "edit")


class DrawingLayer(param.Parameterized):
    """Shapes on a plain Bokeh figure, drawn and edited by a person.

    The browser draws, edits and shows at once. It says one thing a gesture; the layer accepts it into `shapes`, sets
    `commit`, and pushes back what it accepted. What a person did since then is laid over a push until it is accepted
    in turn, so no push, however late, takes back what was drawn.

    Like everything of Bokeh, it is to be touched on its session's own loop.

    Parameters
    ----------
    figure
        With linear axes in degrees. It gets one annotation and no renderer, so its hover tools, legends and ranges
        do not see the shapes.
    **params
        Initial values: mode, keys, bounds.
    """

    mode = param.Selector(
        default="pan", objects=list(MODES), doc="The tool in hand. The browser changes it too (keys P, B, V)."
    )
    selected = param.String(
        default="", doc="Id of the selected shape; empty for none. Changed by both sides; an unknown id is no choice."
    )
    shapes = param.Parameter(
        default=(), constant=True, doc="The accepted set, in order: where two overlap, the earlier is on top."
    )
    commit = param.ClassSelector(
        class_=Commit, constant=True, doc="The last gesture that changed the set; watch it. `shapes` is new by then."
    )
    keys = param.Selector(
        default="all",
        objects=["all", "sketch"],
        constant=True,
        doc="The keys that the browser handles itself: all, or only those that act on a sketch or a corner under the"
        " mouse (Enter, Backspace, Escape), so that the page owns P, B, V and Delete.",
    )
    bounds = param.NumericTuple(
        default=(-720.0, -90.0, 720.0, 90.0),
        constant=True,
        doc="West, south, east, north: no corner is drawn beyond, in degrees.",
    )

    def __init__(self, figure: Figure, **params: Any) -> None:
        super().__init__(**params)
        # One writer each: what is accepted and what is told are written here, what is said only by the browser.
        self._accepted = ColumnDataSource(columns_from_shapes(()), name="mt-drawing-accepted")
        self._told = ColumnDataSource(name="mt-drawing-told")
        self._said = ColumnDataSource(name="mt-drawing-said")
        self._pushed: tuple[Shape, ...] = ()
        self._heard = 0
        self._tell()
        self._said.on_change("data", self._hear)
        self.param.watch(self._tell, ["mode", "selected"])
        self._attach(figure)

    def set_shapes(self, shapes: Sequence[Shape]) -> None:
        """Replace the set, by undo or import; nothing is sent where it already is so.

        Parameters
        ----------
        shapes
            In order, each with an id of its own.

        Raises
        ------
        ValueError
            Where two shapes share an id.
        """
        accepted = tuple(shapes)
        if len({shape.id for shape in accepted}) < len(accepted):
            raise ValueError("two shapes of one drawing have the same id; give each its own")
        self._accept(accepted)

    def remove_selected(self) -> None:
        """Remove the selected shape, as the Delete key does."""
        if any(shape.id == self.selected for shape in self.shapes):
            self._take(Utterance(self._heard, "remove", self.selected, "", (), self.mode, ""))

    def _attach(self, figure: Figure) -> None:
        script = CustomJS(
            args={
                "figure": figure,
                "accepted": self._accepted,
                "told": self._told,
                "said": self._said,
                "options": {"keys": self.keys, "bounds": list(self.bounds)},
            },
            code=drawing_script(),
            module=True,
        )
        # Bokeh has no event for "a view of this figure was made", and makes a new one whenever a page hides and shows
        # it. An annotation without data works out its visuals once in every new view: that runs the script.
        whenever_shown = CustomJSTransform(args={"script": script}, func="void script.execute(script); return x")
        figure.add_layout(
            LabelSet(
                name="mt-drawing",
                source=ColumnDataSource({"x": [], "y": []}),
                x="x",
                y="y",
                text=Value(""),
                text_alpha=Value(1.0, transform=whenever_shown),
                level="overlay",
            )
        )

    def _hear(self, attr: str, old: object, new: Any) -> None:
        said = utterance_from_columns(new)
        if said is not None and said.number > self._heard:
            self._take(said)

    def _take(self, said: Utterance) -> None:
        """Accept what a person did, push it back, and only then let the page know."""
        self._heard = said.number
        shapes, change = self._changed(said)
        self._push(shapes)
        is_there = any(shape.id == said.selected for shape in shapes)
        news: dict[str, Any] = {"selected": said.selected if is_there else "", "shapes": shapes}
        if said.mode in MODES:
            news["mode"] = said.mode
        if change:
            number = self.commit.number + 1 if self.commit else 1
            news["commit"] = Commit(number, **{change: (said.id,)})
        with param.edit_constant(self):
            self.param.update(**news)
        self._tell()

    def _changed(self, said: Utterance) -> tuple[tuple[Shape, ...], str]:
        """Return the set after a gesture, and the field of `Commit` that tells what it did; empty for nothing."""
        shapes: tuple[Shape, ...] = self.shapes
        there = {shape.id: place for place, shape in enumerate(shapes)}
        place = there.get(said.id)
        match said.verb:
            case "add" if place is None:
                name = next_name([shape.name for shape in shapes])
                return (*shapes, Shape(said.id, name, said.kind, said.rings, next_colour(colours_of(shapes)))), "added"
            case "change" if place is not None:
                shape = replace(shapes[place], kind=said.kind, rings=said.rings)
                if shape != shapes[place]:
                    return (*shapes[:place], shape, *shapes[place + 1 :]), "changed"
            case "remove" if place is not None:
                return (*shapes[:place], *shapes[place + 1 :]), "removed"
        return shapes, ""

    def _accept(self, shapes: tuple[Shape, ...]) -> None:
        self._push(shapes)
        selected = self.selected if any(shape.id == self.selected for shape in shapes) else ""
        with param.edit_constant(self):
            self.param.update(shapes=shapes, selected=selected)
        self._tell()

    def _push(self, shapes: tuple[Shape, ...]) -> None:
        """Bring the browser's columns from what was pushed last to `shapes`, with no more rows than needed."""
        before, self._pushed = self._pushed, shapes
        kept = len(before)
        if [shape.id for shape in shapes[:kept]] != [shape.id for shape in before]:
            self._accepted.data = columns_from_shapes(shapes)
            return
        for place, (old, new) in enumerate(zip(before, shapes, strict=False)):
            if old != new:
                row = columns_from_shapes([new], start=place)
                self._accepted.patch({name: [(place, values[0])] for name, values in row.items()})
        if len(shapes) > kept:
            self._accepted.stream(columns_from_shapes(shapes[kept:], start=kept))

    def _tell(self, *events: object) -> None:
        """Tell the browser how far it was heard, and what is chosen. Bokeh sends nothing where nothing is new."""
        self._told.data = {
            "heard": [self._heard],
            "mode": [self.mode],
            "selected": [self.selected],
            "next_colour": [next_colour(colours_of(self._pushed))],
        }
