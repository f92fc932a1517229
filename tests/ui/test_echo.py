"""What only the server writes: a browser that says what it showed a moment ago is told once more what is true."""

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

from motrain_app.ui import page  # noqa: F401 - with it, echoes are told from gestures


@pytest.fixture
def shown():
    """Return a function that makes a component's model in a document of its own."""

    def show(component):
        document = Document()
        with set_curdoc(document):
            model = component.get_root(document)
        return model.data, document

    return show


def _hear(component, document, **said):
    """Have a browser say something: its patch has changed the model already."""
    model = next(iter(component._models.values()))[0].data
    for name, value in said.items():
        model._property_values[name] = value
    with set_curdoc(document):
        component._process_events(said)


def test_words_that_are_no_longer_true_do_not_come_back(shown):
    words = pmui.Typography("3 cells")
    model, document = shown(words)
    before = model.object
    words.object = "4 cells"
    assert model.object != before
    now = model.object
    _hear(words, document, object=before)
    assert words.object == "4 cells"
    assert model.object == now


def test_a_bar_keeps_the_share_that_the_server_knows(shown):
    bar = pmui.LinearProgress(value=40, variant="determinate")
    model, document = shown(bar)
    _hear(bar, document, value=20)
    assert bar.value == 40
    assert model.value == 40


def test_a_button_stays_shut_and_hears_the_click_that_comes_along(shown):
    button, clicks = pmui.Button(label="Start", disabled=True), []
    button.param.watch(clicks.append, "clicks")
    model, document = shown(button)
    _hear(button, document, disabled=False, clicks=1)
    assert button.disabled
    assert model.disabled
    assert len(clicks) == 1


def test_a_list_keeps_its_choice_where_the_browser_names_one_that_is_no_longer_offered(shown):
    runs = pmui.Select(options={"first · running": "first", "second · done": "second"}, value="first")
    _, document = shown(runs)
    runs.options = {"first · done": "first", "second · done": "second"}
    _hear(runs, document, value="first · running")
    assert runs.value == "first"
    _hear(runs, document, value="second · done")
    assert runs.value == "second"


def test_what_a_person_types_is_taken(shown):
    field = pmui.TextInput(value="north")
    _, document = shown(field)
    _hear(field, document, value="south")
    assert field.value == "south"
    assert isinstance(field, pn.reactive.Syncable)
