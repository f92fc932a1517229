"""Shapes, columns and regions are the same thing said in three ways."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design import Region, box, each_cell, polygon, regions_from_geojson, regions_to_geojson, the_rest
from motrain_app.ui.drawing.converters import (
    colours_of,
    columns_from_shapes,
    region_from_shape,
    regions_with_shapes,
    shape_from_region,
    shapes_from_columns,
    shapes_from_regions,
    utterance_from_columns,
)
from motrain_app.ui.drawing.naming import COLOURS
from motrain_app.ui.drawing.shape import Shape, Utterance

lons = st.floats(-720, 720, allow_nan=False)
lats = st.floats(-90, 90, allow_nan=False)
rings = st.lists(st.tuples(lons, lats), min_size=3, max_size=12).map(tuple)
parts = st.lists(rings, min_size=1, max_size=3).map(tuple)
names = st.text(min_size=1, max_size=20)
colours = st.sampled_from(["", "#0072b2", "#abc"])


@st.composite
def shape_sets(draw, most: int = 4) -> tuple[Shape, ...]:
    ids = draw(st.lists(st.uuids().map(str), max_size=most, unique=True))
    several = st.lists(parts, min_size=1, max_size=3).map(tuple)
    kinds = st.sampled_from(["polygon", "box", "lasso"])
    return tuple(Shape(id_, draw(names), draw(kinds), draw(several), draw(colours)) for id_ in ids)


@given(shape_sets())
def test_shapes_survive_regions_and_geojson_exactly(shapes):
    regions = tuple(region_from_shape(shape) for shape in shapes)
    assert shapes_from_regions(regions) == shapes
    text = json.dumps(regions_to_geojson(regions))
    assert shapes_from_regions(regions_from_geojson(json.loads(text)) if shapes else ()) == shapes


@given(shape_sets())
def test_shapes_survive_columns_exactly(shapes):
    columns = columns_from_shapes(shapes)
    assert {len(column) for column in columns.values()} == {len(shapes)}
    assert all(ring.dtype == np.float64 for row in columns["xs"] for part in row for ring in part)
    back = shapes_from_columns(columns)
    assert [shape.rings for shape in back] == [shape.rings for shape in shapes]
    assert [shape.colour for shape in back] == colours_of(shapes)


@given(shape_sets(most=1), st.integers(1, 2**53 - 1))
def test_what_a_browser_says_in_json_arrives_exactly(shapes, number):
    for shape in shapes:
        row = {name: values[0] for name, values in columns_from_shapes([shape]).items()}
        row |= {axis: [[ring.tolist() for ring in part] for part in row[axis]] for axis in ("xs", "ys")}
        row |= {"number": number, "verb": "add", "mode": "polygon", "selected": shape.id}
        columns = json.loads(json.dumps({name: [value] for name, value in row.items()}))
        said = utterance_from_columns(columns)
        assert said == Utterance(number, "add", shape.id, shape.kind, shape.rings, "polygon", shape.id)


def said(**changes):
    row = {"number": 7, "verb": "change", "id": "a", "kind": "polygon", "mode": "edit", "selected": "a"}
    row |= {"xs": [[[0, 1, 1]]], "ys": [[[0, 0, 1]]]} | changes
    return {name: [value] for name, value in row.items()}


def test_whole_numbers_become_floats():
    assert utterance_from_columns(said()).rings == ((((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),),)


@pytest.mark.parametrize(
    "columns",
    [
        None,
        {},
        {"number": [], "verb": []},
        said(verb="rename"),
        said(id=""),
        said(id="a" * 65),
        said(xs=[], ys=[]),
        said(xs=[[]], ys=[[]]),
        said(xs=[[[0, 1]]], ys=[[[0, 1]]]),
        said(xs=[[[0, 1, 1]]], ys=[[[0, 0]]]),
        said(xs=[[[0, 1, float("nan")]]]),
        said(xs=[[[0, 1, None]]]),
        said(xs="abc"),
        said(number="soon"),
    ],
    ids=lambda columns: str(columns)[:60],
)
def test_what_says_nothing_is_no_utterance(columns):
    assert utterance_from_columns(columns) is None


class TestRegions:
    alps = polygon("alps", [(5, 44), (10, 44), (8, 47)])
    plain_ = box("plain", 0, 50, 10, 55)

    def test_that_were_not_drawn_anew_stay_the_very_same(self):
        with_heights = Region("peak", geometry={"type": "Polygon", "coordinates": [[[0, 0, 9], [1, 0, 9], [1, 1, 9]]]})
        regions = (with_heights, self.alps)
        after = regions_with_shapes(regions, shapes_from_regions(regions))
        assert [new is old for new, old in zip(after, regions, strict=True)] == [True, True]

    def test_keep_the_options_that_a_shape_does_not_know(self):
        region = Region("alps", "lasso", self.alps.geometry, {"colour": "#ff0000", "note": "steep"}, "id-1")
        shape = shape_from_region(region)
        moved = region_from_shape(Shape(shape.id, "Alps", shape.kind, shape.rings, "#00ff00"), region)
        assert moved == Region("Alps", "lasso", region.geometry, {"colour": "#00ff00", "note": "steep"}, "id-1")
        assert region_from_shape(Shape(shape.id, "Alps", shape.kind, shape.rings), region).options == {"note": "steep"}

    @pytest.mark.parametrize("colour", ["red", "url(https://example.org/x)", "#12345", 7, None])
    def test_with_no_hexadecimal_colour_are_shown_in_one_of_ours_and_keep_it(self, colour):
        region = Region("alps", "polygon", self.alps.geometry, {"colour": colour})
        shape = shape_from_region(region)
        assert shape.colour == ""
        assert colours_of([shape, shape]) == list(COLOURS[:2])
        assert region_from_shape(shape, region).options == {"colour": colour}

    def test_new_ones_stand_after_the_drawn_and_before_every_rule(self):
        regions = (self.alps, each_cell(), self.plain_, the_rest())
        shapes = (*shapes_from_regions(regions), Shape("new", "new", "polygon", ((((0.0, 0.0),) * 3,),)))
        assert [region.id for region in regions_with_shapes(regions, shapes)] == [
            "alps",
            "new",
            "cell",
            "plain",
            "the rest",
        ]
        assert [region.id for region in regions_with_shapes(None, shapes[-1:])] == ["new"]

    def test_removed_ones_go_and_rules_stay(self):
        assert regions_with_shapes((self.alps, the_rest()), ()) == (the_rest(),)

    def test_follow_the_order_of_the_shapes(self):
        regions = (self.alps, self.plain_, the_rest())
        shapes = shapes_from_regions(regions)[::-1]
        assert [region.id for region in regions_with_shapes(regions, shapes)] == ["plain", "alps", "the rest"]

    @pytest.mark.parametrize(
        "geometry",
        [
            None,
            {"type": "Point", "coordinates": [0, 0]},
            {"type": "Polygon"},
            {"type": "Polygon", "coordinates": None},
            {"type": "Polygon", "coordinates": [[["a", "b"]]]},
            {"type": "Polygon", "coordinates": [[[0]]]},
        ],
    )
    def test_that_are_no_polygon_are_no_shape_and_are_kept(self, geometry):
        region = Region("odd", geometry=geometry)
        assert shape_from_region(region) is None
        assert regions_with_shapes((region,), ()) == (region,)


@given(shape_sets(), shape_sets())
def test_regions_hold_all_shapes_whatever_was_there_before(before, after):
    regions = [region_from_shape(shape) for shape in before]
    regions.insert(len(regions) // 2, the_rest())
    result = regions_with_shapes(regions, after)
    assert sorted(map(repr, shapes_from_regions(result))) == sorted(map(repr, after))
    assert [region for region in result if region.geometry is None] == [the_rest()]


def test_pure_modules_load_no_screen():
    code = (
        "import motrain_app.ui.drawing.converters, sys;"
        "print({'bokeh', 'panel', 'holoviews'} & {name.split('.')[0] for name in sys.modules})"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
