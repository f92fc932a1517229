"""The Python side of a drawing, with the browser's messages written by hand."""

from dataclasses import replace

import pytest
from bokeh.plotting import figure

from motrain_app.ui.drawing.layer import DrawingLayer
from motrain_app.ui.drawing.shape import Commit, Shape

TRIANGLE = (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),)
SQUARE = (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),)
A = Shape("a", "alps", "polygon", (TRIANGLE,), "#0072b2")
B = Shape("b", "plain", "box", (SQUARE,), "#e69f00")


class Browser:
    """Speaks to a layer as the browser does."""

    def __init__(self, layer: DrawingLayer) -> None:
        self.layer, self.number = layer, 1000

    def say(self, verb, id_="", part=None, *, number=None, mode="polygon", selected="", kind="polygon"):
        self.number = self.number + 1 if number is None else number
        rings = [] if part is None else [part]
        xs, ys = ([[[corner[k] for corner in ring] for ring in part] for part in rings] for k in (0, 1))
        row = {"number": self.number, "verb": verb, "id": id_, "kind": kind, "mode": mode, "selected": selected}
        self.layer._said.data = {name: [value] for name, value in {**row, "xs": xs, "ys": ys}.items()}

    @property
    def told(self):
        return {name: values[0] for name, values in self.layer._told.data.items()}

    @property
    def shown(self):
        return dict(zip(self.layer._accepted.data["id"], self.layer._accepted.data["name"], strict=True))


@pytest.fixture
def layer():
    return DrawingLayer(figure())


@pytest.fixture
def browser(layer):
    return Browser(layer)


def pushes(layer):
    """Return the list that fills with what goes to the browser's columns."""
    found = []
    layer._accepted.on_change("data", lambda attr, old, new: found.append(dict(new)))
    return found


def test_adding_names_colours_and_selects(layer, browser):
    browser.say("add", "x", TRIANGLE, selected="x")
    browser.say("add", "y", SQUARE, selected="y", kind="box")
    assert layer.shapes == (
        Shape("x", "region 1", "polygon", (TRIANGLE,), "#0072b2"),
        Shape("y", "region 2", "box", (SQUARE,), "#e69f00"),
    )
    assert (layer.selected, layer.mode) == ("y", "polygon")
    assert layer.commit == Commit(2, added=("y",))
    assert browser.told["heard"] == browser.number
    assert browser.shown == {"x": "region 1", "y": "region 2"}


def test_changing_keeps_name_colour_and_place(layer, browser):
    layer.set_shapes([A, B])
    browser.say("change", "a", SQUARE)
    assert layer.shapes == (replace(A, rings=(SQUARE,)), B)
    assert layer.commit == Commit(1, changed=("a",))


def test_removing_says_so_and_the_set_before_brings_it_back(layer, browser):
    layer.set_shapes([A, B])
    before = layer.shapes
    browser.say("remove", "a", mode="edit")
    assert (layer.shapes, layer.commit) == ((B,), Commit(1, removed=("a",)))
    layer.set_shapes(before)
    assert layer.shapes == (A, B)
    assert list(browser.shown) == ["a", "b"]


def test_the_page_learns_of_a_commit_once_and_finds_the_new_set(layer, browser):
    seen = []
    layer.param.watch(lambda event: seen.append((event.new, layer.shapes, layer.selected)), "commit")
    browser.say("add", "x", TRIANGLE, selected="x")
    ((commit, shapes, selected),) = seen
    assert (commit.added, len(shapes), selected) == (("x",), 1, "x")


def test_turning_to_a_tool_or_a_shape_is_no_commit(layer, browser):
    layer.set_shapes([A])
    browser.say("turn", mode="edit", selected="a")
    assert (layer.mode, layer.selected, layer.commit) == ("edit", "a", None)
    assert browser.told["mode"] == "edit"


@pytest.mark.parametrize("data", [{}, {"number": [], "verb": []}, {"number": [9999], "verb": ["remove"]}])
def test_an_empty_message_changes_nothing(layer, data):
    layer.set_shapes([A, B])
    layer._said.data = data
    assert layer.shapes == (A, B)


def test_a_stale_or_repeated_message_changes_nothing(layer, browser):
    browser.say("add", "x", TRIANGLE)
    browser.say("remove", "x", number=browser.number)
    browser.say("remove", "x", number=3)
    assert len(layer.shapes) == 1


@pytest.mark.parametrize(
    ("verb", "id_"), [("add", "a"), ("change", "gone"), ("remove", "gone"), ("change", "a")], ids=str
)
def test_what_cannot_be_or_already_is_so_is_heard_but_no_commit(layer, browser, verb, id_):
    layer.set_shapes([A])
    browser.say(verb, id_, TRIANGLE)
    assert (layer.shapes, layer.commit) == ((A,), None)
    assert browser.told["heard"] == browser.number


def test_two_quick_edits_are_both_kept_though_the_page_answers_the_first_late(layer, browser):
    layer.set_shapes([A, B])
    browser.say("change", "a", SQUARE)
    after_first = layer.shapes
    browser.say("change", "b", TRIANGLE)
    layer.set_shapes((replace(after_first[0], name="renamed"), layer.shapes[1]))
    assert [shape.rings for shape in layer.shapes] == [(SQUARE,), (TRIANGLE,)]


def test_a_page_may_refuse_a_commit(layer, browser):
    layer.set_shapes([A])
    layer.param.watch(lambda event: layer.set_shapes([A]), "commit")
    browser.say("add", "x", TRIANGLE, selected="x")
    assert layer.shapes == (A,)
    assert layer.selected == ""
    assert browser.shown == {"a": "alps"}


def test_setting_what_is_already_so_sends_nothing(layer, browser):
    layer.set_shapes([A, B])
    found, told = pushes(layer), layer._told.data
    layer.set_shapes((A, B))
    assert found == []
    assert layer._told.data == told


def test_only_the_row_that_changed_is_sent(layer, browser):
    layer.set_shapes([A, B])
    rows = layer._accepted.data["xs"]
    first, second = rows[0], rows[1]
    browser.say("change", "b", TRIANGLE)
    after = layer._accepted.data["xs"]
    assert after[0] is first
    assert after[1] is not second
    browser.say("add", "x", SQUARE)
    assert layer._accepted.data["xs"][0] is first


def test_colour_by_place_is_sent_for_shapes_without_one(layer):
    layer.set_shapes([replace(A, colour=""), replace(B, colour=""), Shape("c", "c", "polygon", (TRIANGLE,))])
    assert layer._accepted.data["colour"] == ["#0072b2", "#e69f00", "#009e73"]


def test_two_shapes_of_one_id_are_refused_and_nothing_is_lost(layer):
    layer.set_shapes([A])
    with pytest.raises(ValueError, match="same id"):
        layer.set_shapes([B, replace(A, id="b")])
    assert layer.shapes == (A,)


def test_selection_goes_with_its_shape(layer):
    layer.set_shapes([A, B])
    layer.selected = "a"
    layer.set_shapes([B])
    assert layer.selected == ""


def test_mode_and_selection_are_told(layer, browser):
    layer.set_shapes([A])
    layer.mode, layer.selected = "edit", "a"
    assert (browser.told["mode"], browser.told["selected"]) == ("edit", "a")
    with pytest.raises(ValueError, match="mode"):
        layer.mode = "lasso"


def test_the_selected_shape_can_be_removed_from_python(layer):
    layer.set_shapes([A, B])
    layer.remove_selected()
    layer.selected = "b"
    layer.remove_selected()
    assert (layer.shapes, layer.selected, layer.commit) == ((A,), "", Commit(1, removed=("b",)))


def test_the_set_is_changed_by_set_shapes_only(layer):
    with pytest.raises(TypeError, match="Constant"):
        layer.shapes = (A,)


def test_a_figure_gets_no_renderer_so_hover_and_ranges_ignore_shapes():
    plot = figure()
    DrawingLayer(plot)
    assert plot.renderers == []


def test_every_parameter_is_documented():
    own = set(DrawingLayer.param) - set(DrawingLayer.__mro__[1].param)
    assert own >= {"mode", "selected", "shapes", "commit", "keys", "bounds"}
    assert all(DrawingLayer.param[name].doc for name in own)
