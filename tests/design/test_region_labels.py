"""The one label that regions give to each cell, against a loop that asks shapely cell by cell."""

import time
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from motrain_app.design import Blocks, DesignError, Region, box, each_cell, polygon, the_rest
from motrain_app.design.regions import label_cells, region_kind, region_kinds


def brute_force(regions, lat, lon):
    """Label cells one by one; regions are valid as drawn."""
    labels = []
    for y, x in zip(lat, lon, strict=True):
        at = [shapely.Point(x + turn, y) for turn in (-720, -360, 0, 360, 720)]
        inside = [
            number
            for number, region in enumerate(regions)
            if any(shapely.geometry.shape(region.geometry).intersects(point) for point in at)
        ]
        labels.append(inside[0] if inside else -1)
    return labels


# Places on a coarse lattice, so that cells fall on edges and corners as often as not.
lattice_lat, lattice_lon = st.integers(-18, 18).map(lambda n: 5.0 * n), st.integers(-36, 35).map(lambda n: 5.0 * n)
anywhere = st.tuples(st.floats(-90, 90), st.floats(-180, 179.99))
cells = st.lists(st.one_of(st.tuples(lattice_lat, lattice_lon), anywhere), min_size=1, max_size=60)


@st.composite
def boxes(draw):
    west, east = draw(lattice_lon), draw(lattice_lon)
    south, north = sorted([draw(lattice_lat), draw(lattice_lat)])
    assume(west != east and south != north)
    return box("box", west, south, east, north)


@st.composite
def stars(draw):
    """Polygons that do not cross themselves, on either side of the antimeridian, in either direction."""
    n = draw(st.integers(3, 9))
    gaps = np.array(draw(st.lists(st.floats(0.2, 1), min_size=n, max_size=n)))
    angles = np.cumsum(gaps / gaps.sum()) * 2 * np.pi
    radii = np.array(draw(st.lists(st.floats(3, 40), min_size=n, max_size=n)))
    lon0, lat0 = draw(st.floats(-250, 250)), draw(st.floats(-45, 45))
    corners = np.stack([lon0 + radii * np.cos(angles), lat0 + radii * np.sin(angles)], axis=1)
    assume(shapely.Polygon(corners).is_valid)
    return polygon("star", corners[:: draw(st.sampled_from([1, -1]))].tolist())


def numbered(shapes):
    return [Region(f"r{n}", shape.kind, shape.geometry) for n, shape in enumerate(shapes)]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(boxes(), stars()), min_size=1, max_size=5), cells)
def test_labels_equal_a_loop_over_cells_and_regions(dataset_at, shapes, places):
    lat, lon = zip(*places, strict=True)
    dataset, expected = dataset_at(lat, lon), brute_force(shapes, lat, lon)
    empty = set(range(len(shapes))) - set(expected)
    if empty:
        with pytest.raises(DesignError) as refused:
            label_cells(numbered(shapes), dataset)
        assert len(refused.value.reasons) == len(empty)
        assert all(any(f"'r{n}'" in reason for reason in refused.value.reasons) for n in empty)
    kept = [shape for number, shape in enumerate(shapes) if number not in empty]
    if kept:
        labels = label_cells(numbered(kept), dataset)
        assert labels.label.tolist() == brute_force(kept, lat, lon)
        assert labels.names == tuple(f"r{n}" for n in range(len(kept)))


@settings(deadline=None, max_examples=60)
@given(st.lists(boxes(), max_size=4), cells, st.integers(0, 4))
def test_the_rest_takes_what_is_left_wherever_it_stands(dataset_at, shapes, places, position):
    places = [*places, (0.5, 0.5)]
    lat, lon = zip(*places, strict=True)
    full = set(brute_force(shapes, lat, lon))
    kept = [shape for number, shape in enumerate(shapes) if number in full]
    expected = brute_force(kept, lat, lon)
    assume(-1 in expected)
    regions = numbered(kept)
    regions.insert(position, the_rest())
    labels = label_cells(regions, dataset_at(lat, lon))
    assert labels.names[-1] == "the rest"
    assert labels.label.tolist() == [len(kept) if label < 0 else label for label in expected]


def names_of_cells(regions, dataset):
    labels = label_cells(regions, dataset)
    return [labels.names[label] if label >= 0 else None for label in labels.label]


def test_the_earlier_of_two_regions_wins(dataset_at):
    dataset = dataset_at([5, 5, 5], [1, 5, 9])
    left, right = box("left", 0, 0, 6, 10), box("right", 4, 0, 10, 10)
    assert names_of_cells([left, right], dataset) == ["left", "left", "right"]
    assert names_of_cells([right, left], dataset) == ["left", "right", "right"]


def test_cells_on_shared_edges_of_adjacent_boxes_belong_to_exactly_one(dataset_at):
    edges = np.round(np.arange(-180, 181, 0.1 * 300), 2)
    tiles = [
        box(f"{west} {south}", west, south, east, south + 45)
        for west, east in pairwise(edges)
        for south in (-90, -45, 0, 45)
    ]
    lat, lon = (axis.ravel() for axis in np.meshgrid(np.arange(-90, 91, 22.5), np.arange(-180, 180, 10.0)))
    labels = label_cells(tiles, dataset_at(lat, lon))
    assert labels.label.min() == 0
    assert np.bincount(labels.label).sum() == len(lat)


def test_an_edge_of_decimals_is_the_same_on_both_sides_and_over_the_antimeridian(dataset_at):
    east, west = box("east", 179.9, -1, -179.95, 1), box("west", -179.95, -1, -179.9, 1)
    dataset = dataset_at([0] * 4, [179.95, -180, -179.95, -179.92])
    assert names_of_cells([east, west], dataset) == ["east", "east", "east", "west"]
    assert names_of_cells([west, east], dataset) == ["east", "east", "west", "west"]


def test_a_box_over_the_antimeridian_holds_cells_on_both_of_its_sides(dataset_at):
    dataset = dataset_at([0, 0, 0, 0], [175, -175, -180, 0])
    for region in (
        box("pacific", 170, -5, -170, 5),
        box("pacific", 170, -5, 190, 5),
        box("pacific", -190, -5, -170, 5),
        polygon("pacific", [(530, -5), (550, -5), (550, 5), (530, 5)]),
    ):
        assert names_of_cells([region], dataset) == ["pacific", "pacific", "pacific", None]


def test_longitudes_from_0_to_360_are_understood(dataset_at):
    dataset = dataset_at([0, 0, 0], [-5, 5, 50])
    assert names_of_cells([box("greenwich", 350, -10, 10, 10)], dataset) == ["greenwich", "greenwich", None]
    assert names_of_cells([box("west", 350, -10, 357, 10)], dataset) == ["west", None, None]


def test_a_band_up_to_a_pole_holds_the_pole_itself(dataset_at):
    dataset = dataset_at([90, 89.9, 60, -90], [0, -180, 179, 20])
    assert names_of_cells([box("arctic", -180, 60, 180, 90)], dataset) == ["arctic"] * 3 + [None]
    assert names_of_cells([box("antarctic", -180, -90, 180, -60)], dataset) == [None] * 3 + ["antarctic"]


def test_a_bow_tie_is_its_two_triangles(dataset_at):
    bow_tie = polygon("bow", [(0, 0), (4, 4), (4, 0), (0, 4)])
    dataset = dataset_at([2, 2, 3.5, 0.5], [0.5, 3.5, 2, 2])
    assert names_of_cells([bow_tie], dataset) == ["bow", "bow", None, None]


def test_a_star_that_crosses_itself_is_full(dataset_at):
    turn = np.arange(5) * 4 * np.pi / 5
    pentagram = polygon("star", np.stack([np.cos(turn), np.sin(turn)], axis=1).tolist())
    assert names_of_cells([pentagram], dataset_at([0, 0], [0, 0.9])) == ["star", "star"]


def test_a_hole_is_outside_and_its_edge_inside(dataset_at):
    square, hole = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[3, 3], [6, 3], [6, 6], [3, 6], [3, 3]]
    dataset = dataset_at([1, 4, 3], [1, 4, 4])
    for rings in ([square, hole], [square[::-1], hole], [square, hole[::-1]]):
        region = Region("ring", geometry={"type": "Polygon", "coordinates": rings})
        assert names_of_cells([region], dataset) == ["ring", None, "ring"]


def test_parts_of_a_multipolygon_are_one_region_also_where_they_overlap(dataset_at):
    parts = [[[[x, 0], [x + 4, 0], [x + 4, 4], [x, 4], [x, 0]]] for x in (0, 2, 10)]
    region = Region("parts", geometry={"type": "MultiPolygon", "coordinates": parts})
    names = names_of_cells([region], dataset_at([2] * 5, [1, 3, 5, 8, 12]))
    assert names == ["parts", "parts", "parts", None, "parts"]


def test_corners_with_a_height_and_repeated_corners_do_not_matter(dataset_at):
    ring = [[0, 0, 7], [0, 0, 7], [4, 0, 7], [4, 4, 7], [4, 4, 7], [0, 0, 7]]
    region = Region("odd", geometry={"type": "Polygon", "coordinates": [ring]})
    assert names_of_cells([region], dataset_at([1, 3], [3, 1])) == ["odd", None]


def test_a_region_without_cells_says_where_the_data_are(dataset_at):
    with pytest.raises(DesignError) as refused:
        label_cells([box("sea", 0, 0, 1, 1), box("land", 9, 44, 11, 46)], dataset_at([45, 46], [10, 10.5]))
    assert refused.value.reasons == (
        "The region 'sea' contains no cell of the dataset (which lies at 45.00 to 46.00 N, 10.00 to 10.50 E). "
        "Move or remove it.",
    )


def test_a_region_that_others_cover_is_refused(dataset_at):
    all_, some = box("all", 0, 0, 9, 9), box("some", 1, 1, 2, 2)
    dataset = dataset_at([1.5, 5], [1.5, 5])
    assert names_of_cells([some, all_], dataset) == ["some", "all"]
    with pytest.raises(DesignError, match="belongs to regions above it"):
        label_cells([all_, some], dataset)
    with pytest.raises(DesignError, match="No cell is left for 'the rest'"):
        label_cells([the_rest(), all_], dataset)


def test_a_dataset_without_cells_is_told(dataset_at):
    with pytest.raises(DesignError, match="which has none"):
        label_cells([box("all", 0, 0, 9, 9)], dataset_at([], []))


def test_without_regions_all_cells_are_one(dataset_at):
    labels = label_cells(None, dataset_at([1, 2], [3, 4]))
    assert labels.label.tolist() == [0, 0]
    assert labels.names == ("everywhere",)


def test_each_cell_is_a_partition_in_the_order_of_the_data(dataset_at):
    labels = label_cells([each_cell()], dataset_at([1, 2, 3], [3, 4, 5]))
    assert labels.label.tolist() == [0, 1, 2]
    assert labels.names == ("cell-0", "cell-1", "cell-2")


def test_cells_that_a_region_above_took_are_no_partitions_of_their_own(dataset_at):
    regions = [box("city", 3.5, 0, 4.5, 9), each_cell()]
    labels = label_cells(regions, dataset_at([1, 2, 3], [3, 4, 5]))
    assert labels.names == ("city", "cell-0", "cell-2")
    assert labels.label.tolist() == [1, 0, 2]
    assert len(labels.ids) == 3


def test_a_cell_and_a_region_of_the_same_name_are_refused(dataset_at):
    with pytest.raises(DesignError, match=r"same name 'cell-0'"):
        label_cells([box("cell-0", 3.5, 0, 4.5, 9), each_cell()], dataset_at([1, 2, 3], [3, 4, 5]))


@settings(deadline=None, max_examples=80)
@given(st.sampled_from([0.05, 0.1, 0.3, 1.0, 2.5, 7.0, 180.0]), cells)
def test_each_cell_lies_in_the_block_that_its_name_tells(dataset_at, size, places):
    lat, lon = (np.array(axis) for axis in zip(*places, strict=True))
    names = names_of_cells([Blocks(size, "b")], dataset_at(lat, lon))
    for name, y, x in zip(names, lat, lon, strict=True):
        south, west = (float(part[:-1]) for part in name.removeprefix("b ").split())
        assert south - 2e-5 <= y <= south + size + 2e-5
        assert west - 2e-5 <= (x + 180 + 1e-5) % 360 - 180 <= west + size + 2e-5


def test_a_cell_on_the_edge_of_a_block_is_in_it_however_its_file_rounds(dataset_at):
    exact = np.arange(-20, 21) * 0.1
    for lat in (exact, exact.astype(np.float32).astype(np.float64), np.round(exact, 1), exact - 4e-6):
        names = names_of_cells([Blocks(0.5)], dataset_at(lat, 0 * lat))
        south = [float(name.split()[1][:-1]) for name in names]
        assert south == [np.floor(n / 5) / 2 for n in range(-20, 21)]


def test_the_poles_belong_to_the_last_blocks(dataset_at):
    assert names_of_cells([Blocks(10)], dataset_at([90, -90], [5, 5])) == ["block 80N 0E", "block -90N 0E"]


# Identity: ids key random numbers, files and scores, so nothing but a region's own id or a cell's own place counts.


def ids_by_name(regions, dataset):
    labels = label_cells(regions, dataset)
    return dict(zip(labels.names, labels.ids.tolist(), strict=True))


def test_adding_a_region_changes_no_id(dataset_at):
    dataset = dataset_at([1, 2, 3, 4], [1, 2, 3, 4])
    few = ids_by_name([box("a", 0, 0, 1.5, 9), the_rest()], dataset)
    more = ids_by_name([box("b", 1.6, 0, 2.5, 9), box("a", 0, 0, 1.5, 9), the_rest()], dataset)
    assert few.items() <= more.items()


def test_cells_keep_their_ids_where_a_region_above_took_some(dataset_at):
    dataset = dataset_at([1, 2, 3], [3, 4, 5])
    alone, with_city = (
        ids_by_name(rules, dataset) for rules in ([each_cell()], [box("city", 3.5, 0, 4.5, 9), each_cell()])
    )
    assert {name: id_ for name, id_ in with_city.items() if name != "city"} == {
        name: id_ for name, id_ in alone.items() if name != "cell-1"
    }


def test_rules_of_other_names_or_sizes_give_other_ids(dataset_at):
    dataset = dataset_at([1], [1])
    rules = [each_cell(), Blocks(2), Blocks(4), Blocks(2, "tile"), the_rest(), box("b", 0, 0, 2, 2), None]
    ids = [label_cells(rule and [rule], dataset).ids[0] for rule in rules]
    assert len(set(ids)) == len(rules)


def test_a_new_name_changes_no_id_and_a_new_id_does(dataset_at):
    dataset = dataset_at([1], [1])
    shape = box("x", 0, 0, 2, 2).geometry
    one, renamed, other = (
        label_cells([Region(name, "box", shape, id=id_)], dataset).ids[0]
        for name, id_ in (("alps", "7"), ("Alpen", "7"), ("alps", "8"))
    )
    assert one == renamed != other


@settings(deadline=None, max_examples=50)
@given(st.lists(anywhere, min_size=2, max_size=30, unique=True), st.randoms())
@pytest.mark.parametrize("rule", [each_cell(), Blocks(3)], ids=["cells", "blocks"])
def test_reordered_and_added_cells_keep_their_ids(dataset_at, rule, places, random):
    rounded = {(round(lat, 5), round(lon, 5)) for lat, lon in places}
    assume(len(rounded) == len(places))

    def id_of_place(some):
        labels = label_cells([rule], dataset_at(*zip(*some, strict=True)))
        return dict(zip(some, labels.ids[labels.label].tolist(), strict=True))

    everyone = id_of_place(places)
    some = random.sample(places, random.randint(1, len(places)))
    assert id_of_place(some).items() <= everyone.items()


def test_a_new_kind_of_region_is_one_function(dataset_at):
    @region_kind("northern")
    def find_parts(region, dataset, free):
        part = np.where(dataset["lat"].values > 0, 0, -1).astype(np.int32)
        return part, np.array([5], np.uint64), [region.name]

    try:
        assert "northern" in region_kinds()
        labels = label_cells([Region("north", "northern")], dataset_at([1, -1], [0, 0]))
        assert labels.label.tolist() == [0, -1]
    finally:
        from motrain_app.design import regions

        del regions._KINDS["northern"]


def test_speed_of_20_polygons_over_100_000_cells(dataset_at, record_property):
    random = np.random.default_rng(0)
    dataset = dataset_at(random.uniform(-80, 80, 100_000), random.uniform(-180, 180, 100_000))
    turn = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    middles = np.stack([np.linspace(-170, 170, 20), random.uniform(-60, 60, 20)], axis=1)
    regions = [
        polygon(f"{n}", (middle + 8 * np.stack([np.cos(turn), np.sin(turn)], axis=1)).tolist())
        for n, middle in enumerate(middles)
    ]
    begin = time.perf_counter()
    assert len(label_cells(regions, dataset)) == 20
    seconds = time.perf_counter() - begin
    record_property("seconds", seconds)
    print(f"labels of 100,000 cells by 20 polygons of 50 corners: {1000 * seconds:.0f} ms")
