"""The map without a browser: what it draws of what it is given."""

import numpy as np
import panel as pn
import param
import pytest
from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent

from motrain_app.ui.map import CellLocator, MapView
from motrain_app.ui.map.colours import NO_DATA, class_colours, no_data_colour, quantise
from motrain_app.ui.map.survey import _MOST_PIXELS
from tests.ui.map.conftest import CLOSE, LAT, VALUES, show


@pytest.mark.parametrize("first", ["look", "show"])
def test_values_become_the_levels_of_pixels(view, client, first):
    values = VALUES.copy()
    values[11] = np.nan
    steps = {"look": client.look, "show": lambda: show(view, values, limits=(-3, 5))}
    for step in sorted(steps, key=lambda name: name != first):
        steps[step]()
    index = view.locator.index(CLOSE, 120, 60)
    expected = np.append(quantise(values, (-3, 5)), 0)[index.cells]
    np.testing.assert_array_equal(client.image, expected)
    assert client.image.dtype == np.uint8
    assert client.image[index.cells == 11].tolist() == [NO_DATA] * np.count_nonzero(index.cells == 11)
    data = view._map.image.data
    assert (data["x"], data["y"], data["dw"], data["dh"]) == ([-1], [39], [12], [12])


@pytest.mark.parametrize("kind", [np.intp, np.int8])
def test_classes_become_the_levels_of_pixels(view, client, kind):
    client.look()
    codes = (np.arange(LAT.size) % 3 - 1).astype(kind)
    view.show_classes(codes, ["one", "two"], label="Partitions")
    colours = view._map._mapper.palette
    shown = [colours[level] for level in np.unique(client.image)]
    assert shown == ["#00000000", no_data_colour(dark=False), *class_colours(2)]
    key = view._key.content
    assert key["classes"] == [["one", class_colours(2)[0]], ["two", class_colours(2)[1]]]
    assert key["no_data"]


def test_a_recolouring_is_one_message_of_half_a_megabyte(view, client):
    client.look(width=900, height=450)
    show(view, limits=(-3, 5))
    document = Document()
    document.add_root(view.figure)
    events = []
    document.on_change(events.append)
    show(view, VALUES[::-1], limits=(-3, 5))
    assert [type(event) for event in events] == [ColumnDataChangedEvent]
    assert 400_000 < events[0].model.data["image"][0].nbytes <= 500_000


def test_a_large_frame_has_no_larger_image(view, client):
    client.look(width=3000, height=1500)
    show(view)
    assert client.image.size <= _MOST_PIXELS * 1.01
    assert client.image.shape[1] / client.image.shape[0] == pytest.approx(2, rel=0.01)


def test_few_stations_are_circles(make_client):
    view = MapView([56.1, 46.1, 53.4], [11.4, 6.6, 6.1])
    client = make_client(view)
    client.look((-10.0, 30.0, 40.0, 60.0))
    show(view, [1.0, 2.0, np.nan], limits=(1, 2))
    dots = view._map._dots.data
    assert dots["level"][3:6].tolist() == [2, 255, NO_DATA]
    assert dots["lat"][3:6].tolist() == [56.1, 46.1, 53.4]
    assert client.image.size == 1
    client.tap(6.6, 46.1)
    assert view.cell == 1


def test_the_key_tells_what_the_colours_mean(view):
    show(view, np.where(LAT < 41, np.nan, VALUES), palette="diverging", limits=(-4, 4))
    key = view._key.content
    assert (key["label"], key["unit"], key["low"], key["high"]) == ("Bias", "dB", "−4", "4")
    assert [text for _, text in key["ticks"]] == ["−2", "0", "2"]
    assert key["ticks"][1][0] == pytest.approx(0.5)
    assert key["beyond"] == [False, True]
    assert key["no_data"] == no_data_colour(dark=False)


def test_the_theme_changes_colours_and_builds_nothing(view, client):
    client.look()
    show(view)
    figure, image, renderers = view.figure, client.image, list(view.figure.renderers)
    light = view._map._land.glyph.fill_color, view._map._mapper.palette[NO_DATA]
    view.dark = True
    dark = view._map._land.glyph.fill_color, view._map._mapper.palette[NO_DATA]
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert view.figure is figure
    assert view.figure.renderers == renderers
    assert client.image is image
    view.dark = False
    assert (view._map._land.glyph.fill_color, view._map._mapper.palette[NO_DATA]) == light


def test_the_backdrop_grows_finer_close_up(view, client):
    client.look((-180.0, 180.0, -90.0, 90.0))
    coarse = view._map._coast.data_source.data["lon"][0].size
    client.look((0.0, 20.0, 40.0, 50.0))
    lon = view._map._coast.data_source.data["lon"][0]
    assert lon.size > 1000
    assert lon.size != coarse
    kept = view._map._coast.data_source.data
    client.look((1.0, 21.0, 40.0, 50.0))
    assert view._map._coast.data_source.data is kept, "a small step needs no new outlines"


def test_a_new_drawing_in_the_browser_gets_the_backdrop_again(view, client):
    coast = view._map._coast.data_source
    sent = []
    coast.on_change("data", lambda name, before, after: sent.append(after))
    client.look(fresh=True)
    client.look((0.0, 11.0, 39.0, 51.0))
    assert len(sent) == 1
    client.look(fresh=True)
    assert len(sent) == 2
    assert all(
        np.array_equal(one, other, equal_nan=True) for one, other in zip(*(data["lon"] for data in sent), strict=True)
    )


def test_the_figure_is_plain(view):
    figure = view.figure
    assert figure.output_backend == "canvas"
    assert figure.toolbar_location is None
    assert type(figure.toolbar.active_scroll).__name__ == "WheelZoomTool"
    assert [type(tool).__name__ for tool in figure.tools] == ["PanTool", "WheelZoomTool"]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda view: show(view, VALUES[:5]), "100 cells shows one number each"),
        (lambda view: show(view, VALUES.astype(str)), "shows one number each"),
        (lambda view: show(view, VALUES.reshape(10, 10)), "shows one number each"),
        (lambda view: show(view, palette="rainbow"), "no palette 'rainbow'"),
        (lambda view: show(view, limits=(3, 3)), "limits are two numbers"),
        (lambda view: view.show_classes(VALUES, ["a"]), "shows one integer each"),
        (lambda view: view.show_classes(np.full(100, 2), ["a", "b"]), "class 2 has no name"),
        (lambda view: view.show_classes(np.zeros(100, int), ["a"], ["red"]), "colours like"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_nothing_changes(view, act, words):
    show(view)
    before = view._key.content
    with pytest.raises(ValueError, match=words):
        act(view)
    assert view._key.content is before


@pytest.mark.parametrize("dtype", [np.int16, np.float32, bool])
def test_numbers_of_any_kind_are_shown(view, client, dtype):
    client.look()
    show(view, (np.arange(100) % 2).astype(dtype))
    assert view.limits == (0, 1)


def test_maps_of_one_dataset_share_what_finds_the_cells(view, client, make_client):
    other = MapView.of(view.locator)
    client.look()
    make_client(other).look()
    assert view._index is other._index


def test_no_cells_at_all_are_an_empty_map(make_client):
    view = MapView([], [])
    client = make_client(view)
    client.look((-180.0, 180.0, -90.0, 90.0))
    show(view, [])
    view.show_classes(np.zeros(0, int), [])
    assert client.hover(0, 0)["head"] == ""


@pytest.mark.parametrize("name", [name for name in MapView.param if name != "name"])
def test_every_parameter_is_documented(name):
    assert MapView.param[name].doc


def test_parameters_of_the_parts_are_documented():
    own = [(part, name) for part in ("_frame", "_key") for name in type(getattr(MapView([], []), part)).param]
    assert own
    view = MapView([], [])
    for part in (view._frame, view._key):
        for name in set(type(part).param) - set(pn.custom.JSComponent.param):
            assert isinstance(type(part).param[name], param.Parameter)
            assert type(part).param[name].doc, name


def test_a_map_of_a_million_cells_is_made_at_once():
    """What takes long waits for the thread that indexes the first view."""
    lat, lon = np.random.default_rng(0).uniform(-80, 80, (2, 1_000_000))
    view = MapView.of(CellLocator(lat, lon))
    show(view, lat)
    assert "_tree" not in vars(view.locator)
