"""Regions as values: what they are made of, what is refused, and GeoJSON there and back."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import (
    Blocks,
    DesignError,
    Region,
    box,
    each_cell,
    polygon,
    read_regions,
    regions_from,
    regions_from_geojson,
    regions_to_geojson,
    the_rest,
)

TRIANGLE = [(5.0, 44.0), (7.0, 43.0), (6.0, 46.0)]
degrees = st.floats(-180, 180, allow_subnormal=False)
names = st.text(min_size=1, max_size=20)
keys = names.filter(lambda key: key not in ("name", "kind"))


def feature(geometry, **changes):
    return {"type": "Feature", "properties": {"name": "here"}, "geometry": geometry, **changes}


def collection(*features, **members):
    return {"type": "FeatureCollection", "features": list(features), **members}


def reasons_of(regions):
    with pytest.raises(DesignError) as refused:
        regions_from(regions)
    return refused.value.reasons


drawn = st.builds(
    polygon,
    names,
    st.lists(st.tuples(degrees, degrees), min_size=3, max_size=8),
)
rules = st.one_of(
    st.just(each_cell()),
    st.builds(Blocks, st.floats(0.1, 20), names),
    st.builds(the_rest, names),
    st.builds(Region, names, st.just("classes"), st.none(), st.dictionaries(keys, st.integers()), names),
)


@settings(deadline=None)
@given(st.lists(st.one_of(drawn, rules), max_size=5))
def test_regions_come_back_exactly_from_geojson_text(regions):
    text = json.dumps(regions_to_geojson(regions))
    assert regions_from_geojson(json.loads(text)) == tuple(regions)


def test_a_file_of_regions_reads_as_it_was_written(tmp_path):
    regions = (polygon("Álpok 山", TRIANGLE), box("pacific", 170, -5, -170, 5), Blocks(2.5), the_rest())
    path = tmp_path / "regions.geojson"
    path.write_text(json.dumps(regions_to_geojson(regions)), encoding="utf-8")
    assert read_regions(path) == regions


def test_shapely_and_numpy_coordinates_become_plain_geojson():
    made = Region("here", geometry={"type": "Polygon", "coordinates": (((np.float64(0), 0), (1, 0), (1, 1), (0, 0)),)})
    assert made.geometry == {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


def test_a_region_keeps_its_own_copy_of_a_geometry():
    geometry = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    region = Region("here", geometry=geometry)
    geometry["coordinates"][0][0][0] = 99
    assert region.geometry["coordinates"][0][0] == [0, 0]


def test_regions_can_be_keys():
    assert {polygon("a", TRIANGLE): 1}[polygon("a", TRIANGLE)] == 1


def test_a_ring_closes_itself_once():
    closed = polygon("a", [*TRIANGLE, TRIANGLE[0]])
    assert closed == polygon("a", TRIANGLE)
    assert len(closed.geometry["coordinates"][0]) == 4


def test_a_box_over_the_antimeridian_counts_on():
    corners = box("pacific", 170, -5, -170, 5).geometry["coordinates"][0]
    assert {lon for lon, _ in corners} == {170, 190}


def test_a_foreign_feature_is_named_by_its_name_its_id_or_its_number():
    shape = polygon("x", TRIANGLE).geometry
    made = regions_from_geojson(
        collection(
            feature(shape),
            feature(shape, id=0, properties=None),
            feature(shape, properties={"area": 3}),
        )
    )
    assert [(region.name, region.id, region.kind) for region in made] == [
        ("here", "here", "polygon"),
        ("0", "0", "polygon"),
        ("region 3", "region 3", "polygon"),
    ]
    assert made[2].options == {"area": 3}


def test_a_single_feature_is_a_collection_of_one():
    assert regions_from_geojson(feature(polygon("x", TRIANGLE).geometry)) == (polygon("here", TRIANGLE),)


def test_a_foreign_feature_without_a_shape_is_refused_and_not_taken_for_the_rest():
    assert "no GeoJSON polygon" in reasons_of(collection(feature(None)))[0]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "Topology"}, "no GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection", "features": {}}, "no GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection", "features": [3]}, "no GeoJSON FeatureCollection"),
        (collection(feature("POLYGON")), "no GeoJSON feature"),
        (collection(feature(None, properties=[1])), "no GeoJSON feature"),
        (collection(crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}), "projection"),
    ],
)
def test_what_is_no_geojson_in_degrees_is_refused(document, words):
    with pytest.raises(DesignError, match=words):
        regions_from_geojson(document)


def test_a_named_system_of_degrees_is_taken():
    crs84 = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    shape = polygon("x", TRIANGLE).geometry
    assert len(regions_from_geojson(collection(feature(shape), crs=crs84))) == 1


@pytest.mark.parametrize("text", ["not JSON", "[1, 2]", "[" * 100_000, ""])
def test_a_file_that_is_no_geojson_is_refused(tmp_path, text):
    path = tmp_path / "regions.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DesignError, match="GeoJSON"):
        read_regions(path)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(DesignError, match="no file"):
        read_regions(tmp_path / "absent.geojson")
    with pytest.raises(DesignError, match="cannot be read"):
        read_regions(tmp_path)


def geometry(*rings, kind="Polygon"):
    return Region("odd", geometry={"type": kind, "coordinates": list(rings)})


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (polygon("two", [(0, 0), (1, 1)]), "no area"),
        (polygon("line", [(0, 0), (1, 1), (2, 2)]), "no area"),
        (polygon("none", []), "no area"),
        (polygon("nan", [(0, 0), (1, float("nan")), (1, 1)]), "without a position"),
        (polygon("infinite", [(0, 0), (1, float("inf")), (1, 1)]), "without a position"),
        (polygon("metres", [(4e5, 5e6), (5e5, 5e6), (5e5, 6e6)]), "(lon, lat) in degrees"),
        (polygon("swapped", [(44, 100), (45, 101), (44, 102)]), "(lon, lat) in degrees"),
        (polygon("far", [(1000, 0), (1001, 0), (1001, 1)]), "longitudes of −720 to 720"),
        (polygon("arctic", [(0, 70), (90, 72), (180, 71), (-90, 73)]), "pole"),
        (box("flat", 3, 4, 3, 9), "no area"),
        (geometry([[0, 0], [1, 1]]), "at least three corners"),
        (geometry([[0, 0], [1, None], [1, 1], [0, 0]]), "no GeoJSON polygon"),
        (geometry([[0, 0], [1], [1, 1], [0, 0]]), "no GeoJSON polygon"),
        (geometry([0, 0], [1, 1], kind="LineString"), "LineString"),
        (geometry("x"), "no GeoJSON polygon"),
        (Region("empty", geometry={}), "no GeoJSON polygon"),
        (Region("null"), "no GeoJSON polygon"),
        (Region("odd", "hexagon"), "unknown kind"),
        (Region("odd", "blokcs"), "Did you mean 'blocks'?"),
        (Blocks(0), "0.001 to 180"),
        (Blocks(float("nan")), "0.001 to 180"),
        (Region("block", "blocks", options={"size": "2"}), "0.001 to 180"),
        (Region("block", "blocks", options={"size": True}), "0.001 to 180"),
        (Region("block", "blocks"), "0.001 to 180"),
    ],
)
def test_a_region_that_cannot_be_is_refused_in_a_sentence(region, words):
    (reason,) = reasons_of([region])
    assert words in reason
    assert repr(region.name) in reason
    assert reason.endswith((".", "?"))


def test_every_reason_is_told_at_once():
    reasons = reasons_of([polygon("a", [(0, 0), (1, 1)]), Region("a", "hexagon"), Blocks(-1)])
    assert len(reasons) == 5  # id and name are taken twice, and three regions are none


def test_an_empty_list_of_regions_says_what_to_do():
    assert reasons_of([]) == (
        "The design has no region. Draw one, or leave regions empty for one operator everywhere.",
    )


@pytest.mark.parametrize("regions", [3, ["cells"], [{}], b"x"])
def test_what_are_no_regions_is_refused(regions):
    assert "not understood" in reasons_of(regions)[0]


@pytest.mark.parametrize("corners", [[1, 2, 3], [(1, 2, 3)], [("a", "b")], 5])
def test_corners_that_are_no_pairs_are_refused(corners):
    with pytest.raises(DesignError, match="pairs of numbers"):
        polygon("odd", corners)


def test_a_region_without_a_name_is_refused():
    with pytest.raises(DesignError, match="no name"):
        Region("")


def test_options_that_json_cannot_hold_are_refused():
    with pytest.raises(DesignError, match="what JSON cannot hold"):
        Region("odd", options={"size": object()})


def test_a_wide_polygon_that_does_not_run_around_a_pole_is_taken():
    wide = polygon("wide", [(-170, 0), (0, -60), (170, 0), (0, 60)])
    band = polygon("band", [(-180, 60), (-60, 60), (60, 60), (180, 60), (180, 90), (-180, 90)])
    assert regions_from([wide, band]) == (wide, band)
