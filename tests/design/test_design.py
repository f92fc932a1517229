"""The design document: shorthand, every reason at once, and JSON there and back."""

import json
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import (
    Blocks,
    Design,
    DesignError,
    Filter,
    Learner,
    LeaveBlocksOut,
    LeaveYearsOut,
    Period,
    Region,
    Split,
    box,
    each_cell,
    polygon,
    regions_to_geojson,
    the_rest,
)
from motrain_app.design.sample_design import sample_design

text = st.text(min_size=1, max_size=12)
words = st.from_regex(r"[^\W\d]\w{0,8}", fullmatch=True).filter(lambda word: word not in ("and", "or", "not"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
options = st.dictionaries(text.filter(lambda key: key not in ("kind", "name")), values, max_size=3)
embargoes = st.integers(0, 300) | st.floats(0, 300)


@st.composite
def regions(draw):
    names = draw(st.lists(text, min_size=1, max_size=4, unique=True))
    make = [
        lambda name: box(name, draw(st.floats(-180, 180)), -10, draw(st.floats(181, 200)), 10),
        lambda name: polygon(name, [(0, 0), (draw(st.floats(1, 9)), 0), (0, draw(st.floats(1, 9)))]),
        lambda name: Blocks(draw(st.floats(0.1, 50)), name),
        the_rest,
        lambda name: Region(name, "cells", options=draw(options), id=f"id of {name}"),
    ]
    return [draw(st.sampled_from(make))(name) for name in names]


@st.composite
def periods(draw):
    names = draw(st.lists(text, min_size=1, max_size=3, unique=True))
    months = st.lists(st.integers(1, 12), min_size=1, max_size=4)
    intervals = st.just([("2010-01-01", "2011-06-30T12:00"), ("2012", "2013")])
    return [
        Period(name, **draw(st.one_of(st.builds(dict, months=months), st.builds(dict, intervals=intervals))))
        for name in names
    ]


@st.composite
def designs(draw):
    variables = draw(st.lists(words, min_size=2, max_size=6, unique=True))
    cut = draw(st.integers(1, len(variables) - 1))
    others = st.sampled_from(variables[:cut]) | words.filter(lambda word: word not in variables)
    return Design(
        draw(st.lists(text.filter(lambda path: "~" not in path), min_size=1, max_size=3)),
        variables[:cut],
        variables[cut:],
        references=draw(st.dictionaries(st.sampled_from(variables[cut:]), others, max_size=3)),
        regions=draw(st.none() | st.just("cells") | regions()),
        periods=draw(st.none() | periods()),
        filters=draw(st.lists(st.sampled_from(["a > 1", "not (flag & 4)", "0 < σ <= 2e-3"]), max_size=2)),
        test=draw(st.none() | st.builds(Split, st.dates().map(str), embargoes)),
        jackknife=draw(
            st.none()
            | st.builds(LeaveYearsOut, st.integers(1, 5), st.integers(1, 12), embargoes)
            | st.builds(LeaveBlocksOut, st.integers(1, 400), embargoes)
        ),
        learner=draw(st.builds(Learner, text, options)),
        remedies=draw(st.lists(options, max_size=2)),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


def small(**changes):
    return Design(**{"data": "cells.nc", "inputs": ["TG1", "WG1"], "outputs": ["sig"], **changes})


def reasons_of(**changes):
    with pytest.raises(DesignError) as refused:
        small(**changes)
    return refused.value.reasons


# JSON


@settings(deadline=None)
@given(designs())
def test_a_design_comes_back_from_its_json_text(design):
    document = json.loads(json.dumps(design.to_json(), allow_nan=False))
    again = Design.from_json(document)
    assert again == design
    assert hash(again) == hash(design)
    assert again.to_json() == design.to_json()


@settings(deadline=None, max_examples=30)
@given(designs())
def test_a_design_comes_back_from_a_worker(design):
    assert pickle.loads(pickle.dumps(design)) == design


@settings(deadline=None, max_examples=30)
@given(designs())
def test_a_design_comes_back_from_its_file(tmp_path_factory, design):
    absolute = design.change(data=[f"/data/{number}.nc" for number in range(len(design.data))])
    path = absolute.save(tmp_path_factory.mktemp("designs") / "design.json")
    assert Design.load(path) == absolute


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_else(tmp_path):
    design = small(regions=[polygon("Álpok", [(0, 0), (1, 0), (1, 1)])])
    one = design.save(tmp_path / "design.json").read_bytes()
    assert Design.load(tmp_path / "design.json").save(tmp_path / "design.json").read_bytes() == one
    assert "Álpok".encode() in one
    assert [path.name for path in tmp_path.iterdir()] == ["design.json"]


def test_data_beside_or_below_the_file_move_with_it(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    design = small(data=[here / "cells.nc", here / "deep" / "more.zarr", tmp_path / "far.nc"])
    design.save(here / "design.json")
    assert json.loads((here / "design.json").read_text())["data"] == [
        "cells.nc",
        "deep/more.zarr",
        str(tmp_path / "far.nc"),
    ]
    here.rename(there)
    assert Design.load(there / "design.json").data == (
        str(there / "cells.nc"),
        str(there / "deep" / "more.zarr"),
        str(tmp_path / "far.nc"),
    )


def test_relative_data_are_relative_to_where_the_design_is_made(tmp_path, monkeypatch):
    (tmp_path / "designs").mkdir()
    monkeypatch.chdir(tmp_path)
    small(data="cells.nc").save("designs/design.json")
    small(data="designs/cells.nc").save("designs/beside.json")
    monkeypatch.chdir("/")
    assert Design.load(tmp_path / "designs" / "design.json").data == (str(tmp_path / "cells.nc"),)
    assert json.loads((tmp_path / "designs" / "beside.json").read_text())["data"] == ["cells.nc"]


def test_a_design_reached_by_a_link_finds_its_data(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    small(data=tmp_path / "link" / "cells.nc").save(tmp_path / "link" / "design.json")
    assert json.loads((tmp_path / "real" / "design.json").read_text())["data"] == ["cells.nc"]
    assert Design.load(tmp_path / "link" / "design.json").data == (str(tmp_path / "real" / "cells.nc"),)


def test_linked_data_beside_the_file_keep_their_name(tmp_path):
    (tmp_path / "cells.nc").symlink_to("/somewhere/else.nc")
    small(data=tmp_path / "cells.nc").save(tmp_path / "design.json")
    assert json.loads((tmp_path / "design.json").read_text())["data"] == ["cells.nc"]


def test_an_address_stays_an_address(tmp_path):
    address = "https://example.org/cells.zarr"
    path = small(data=address).save(tmp_path / "design.json")
    assert Design.load(path).data == (address,)


def test_the_users_home_is_known():
    assert small(data="~/cells.nc").data == (str(Path.home() / "cells.nc"),)


def test_regions_of_a_design_written_by_hand_lie_beside_it(tmp_path, monkeypatch):
    regions = (box("alps", 5, 44, 15, 48), the_rest())
    (tmp_path / "regions.geojson").write_text(json.dumps(regions_to_geojson(regions)))
    document = {"schema": 1, "data": "cells.nc", "inputs": "a", "outputs": "b", "regions": "regions.geojson"}
    (tmp_path / "design.json").write_text(json.dumps(document))
    monkeypatch.chdir("/")
    assert Design.load(tmp_path / "design.json").regions == regions
    (tmp_path / "design.json").write_text(json.dumps(document | {"regions": "cells"}))
    assert Design.load(tmp_path / "design.json").regions == (each_cell(),)


def test_what_is_left_out_of_a_file_has_the_defaults_of_the_constructor():
    document = {"schema": 1, "data": "cells.nc", "inputs": ["TG1", "WG1"], "outputs": ["sig"]}
    assert Design.from_json(document) == small()


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema_is_refused(schema):
    with pytest.raises(DesignError, match="reads schema 1"):
        Design.from_json(small().to_json() | {"schema": schema})


def test_unknown_and_missing_entries_are_told_together():
    document = small().to_json() | {"filter": [], "colour": "red"}
    del document["outputs"]
    with pytest.raises(DesignError) as refused:
        Design.from_json(document)
    unknown_colour, unknown_filter, missing = refused.value.reasons
    assert "'colour'" in unknown_colour
    assert "Did you mean 'filters'?" in unknown_filter
    assert missing == "The design has no 'outputs'. Add it."


@pytest.mark.parametrize("document", [[], "design", None, 3])
def test_what_is_no_json_object_is_no_design(document):
    with pytest.raises(DesignError, match="no JSON object"):
        Design.from_json(document)


@pytest.mark.parametrize(
    "entry",
    [
        {"data": 5},
        {"data": [5]},
        {"data": []},
        {"data": ""},
        {"inputs": None},
        {"inputs": []},
        {"inputs": [3]},
        {"inputs": [""]},
        {"outputs": 7},
        {"references": 3},
        {"references": {"sig": 3}},
        {"references": {"sig": ""}},
        {"regions": 3},
        {"regions": [{}]},
        {"regions": {"type": "FeatureCollection", "features": [{"type": "Feature"}]}},
        {"periods": 3},
        {"periods": [3]},
        {"periods": [{"name": "a", "months": ["x"]}]},
        {"periods": []},
        {"filters": 3},
        {"filters": [3]},
        {"test": [1]},
        {"test": {"date": None}},
        {"test": {"date": "2017-01-01", "embargo": "x"}},
        {"jackknife": []},
        {"jackknife": {"kind": "years", "years": [1]}},
        {"learner": None},
        {"learner": {"kind": 3}},
        {"learner": {"hidden": 3}},
        {"remedies": 3},
        {"remedies": [3]},
        {"remedies": ["xy"]},
        {"seed": 1.5},
        {"seed": -1},
        {"seed": True},
        {"seed": 2**63},
    ],
)
def test_json_of_the_wrong_shape_is_refused_in_words(entry):
    with pytest.raises(DesignError) as refused:
        Design.from_json(small().to_json() | entry)
    assert len(refused.value.reasons) >= 1
    assert all(reason.endswith((".", "?")) for reason in refused.value.reasons)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xfe", b"[" * 100_000, b"\x80\x04K\x01.", b'{"schema": 1}'])
def test_a_file_that_is_no_design_is_refused(tmp_path, content):
    path = tmp_path / "design.json"
    path.write_bytes(content)
    with pytest.raises(DesignError):
        Design.load(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DesignError, match="There is no design"):
        Design.load(tmp_path / "absent.json")
    with pytest.raises(DesignError, match="cannot be read"):
        Design.load(tmp_path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "design.json"
    path.write_text(json.dumps(small().change(data="/cells.nc").to_json()), encoding="utf-8-sig")
    assert Design.load(path).inputs == ("TG1", "WG1")


def test_what_json_cannot_hold_is_refused_and_the_old_file_kept(tmp_path):
    path = small().save(tmp_path / "design.json")
    before = path.read_bytes()
    with pytest.raises(DesignError, match="NaN"):
        small(remedies=[{"value": float("nan")}]).save(path)
    assert path.read_bytes() == before


# Shorthand


def test_shorthand_equals_objects():
    short = small(
        data="cells.nc",
        inputs="TG1",
        outputs="sig",
        references="sig_model",
        regions="cells",
        filters="TG1 > 273.65",
        test="2017-01-01",
        jackknife="year",
        learner="ridge2",
    )
    long = Design(
        data=[Path("cells.nc")],
        inputs=["TG1"],
        outputs=["sig"],
        references={"sig": "sig_model"},
        regions=[each_cell()],
        filters=[Filter("TG1 > 273.65")],
        test=Split("2017-01-01"),
        jackknife=LeaveYearsOut(),
        learner=Learner("ridge2"),
        seed=0,
    )
    assert short == long


def test_one_region_or_period_needs_no_list():
    alone = small(regions=box("a", 0, 0, 1, 1), periods=Period("summer", months=(6,)))
    assert alone == small(regions=[box("a", 0, 0, 1, 1)], periods=[Period("summer", months=(6,))])


def test_defaults_are_one_operator_everywhere_with_a_year_left_out():
    design = small()
    assert (design.regions, design.periods, design.test, design.filters) == (None, None, None, ())
    assert (design.jackknife, design.learner, design.seed) == (LeaveYearsOut(), Learner("network"), 0)
    assert small(jackknife=None).jackknife is None


def test_several_files_are_opened_as_one():
    assert small(data=["in.nc", Path("out.nc")]).data == ("in.nc", "out.nc")


def test_hyper_parameters_as_tuples_or_arrays_are_the_same():
    assert small(learner=Learner("network", {"hidden": (8, 8)})) == small(
        learner={"kind": "network", "hidden": np.array([8, 8])}
    )


def test_variables_are_all_that_is_read_each_once():
    design = small(filters=["TG1 > 1 and snow < 2", "flag & 4", "sig > -40"], references="model")
    assert design.variables == ("TG1", "WG1", "sig", "flag", "model", "snow")
    assert small(references="WG1").variables == ("TG1", "WG1", "sig")


def test_a_change_takes_shorthand_and_leaves_the_rest():
    design = small(test="2017-01-01", regions="cells")
    changed = design.change(jackknife=None, test="2016-01-01")
    assert (changed.test, changed.jackknife, changed.regions) == (Split("2016-01-01"), None, design.regions)
    assert design.test == Split("2017-01-01")
    assert replace(design, seed=3) == design.change(seed=3)


def test_a_design_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        small().seed = 1
    with pytest.raises((AttributeError, TypeError)):
        small().sed = 1


@pytest.mark.parametrize(("kind", "options"), [(3, {}), ("ridge", [1]), ("ridge", {"strengths": {1}})])
def test_a_learner_needs_a_kind_and_plain_options(kind, options):
    with pytest.raises(DesignError, match="learner"):
        Learner(kind, options)


# Reasons


def test_every_reason_is_told_at_once():
    reasons = reasons_of(
        data=[],
        inputs=["TG1", "TG1"],
        outputs=[],
        regions=[polygon("a", [(0, 0), (1, 1)]), Region("b", "hexagon")],
        periods=[{"name": "x"}, Period("y", months=(1,)), Period("y", months=(2,))],
        filters=["TG1 >", "open('x')"],
        test="tomorrow",
        jackknife="month",
        learner=5,
        remedies=5,
        seed=-1,
    )
    told = "\n".join(reasons)
    for words_ in (
        "names no data",
        "'TG1' is named twice as input",
        "no output",
        "'a' has no area",
        "'b' is of the unknown kind 'hexagon'",
        "The period 'x' needs either",
        "'TG1 >' cannot be read",
        "uses Call",
        "'tomorrow' in the test split",
        "The jackknife 'month' is not known",
        "The learner 5",
        "'remedies'",
        "The seed is -1",
    ):
        assert words_ in told
    assert len(reasons) == 13


def test_a_variable_cannot_be_both_input_and_output():
    assert reasons_of(outputs=["sig", "TG1"]) == ("'TG1' is both input and output. Remove it from one of them.",)


def test_a_reference_is_another_variable_for_an_output_of_the_design():
    assert reasons_of(references={"slop": "model", "sig": "sig"}) == (
        "The references name 'slop', which is no output. Known: sig.",
        "The output 'sig' is its own reference. Name another variable, or none.",
    )
    assert "does not say of which output" in reasons_of(outputs=["sig", "slop"], references="model")[0]
    assert len(reasons_of(outputs=[], references={"sig": "model"})) == 1, "the output that is missing is told, no more"


def test_references_stand_in_the_order_of_the_outputs():
    one, other = ({"sig": "a", "slop": "b"}, {"slop": "b", "sig": "a"})
    designs = [small(outputs=["sig", "slop"], references=references) for references in (one, other)]
    assert [list(design.references) for design in designs] == [["sig", "slop"]] * 2
    assert designs[0].change(references=None).references == {}


def test_the_text_of_an_error_holds_every_reason():
    with pytest.raises(DesignError) as refused:
        small(seed=-1, data="")
    assert str(refused.value).splitlines() == list(refused.value.reasons)


def test_an_error_passes_between_processes_with_its_reasons():
    error = pickle.loads(pickle.dumps(DesignError(["one", "two"])))
    assert error.reasons == ("one", "two")
    assert str(error) == "one\ntwo"


# The ready design


@pytest.mark.parametrize("years", range(1, 9))
def test_the_sample_design_can_be_carried_out_on_any_number_of_years(dataset_at, years):
    time = np.arange("2010-01-01", f"{2010 + years}-01-01", dtype="datetime64[D]")
    design = sample_design("data.zarr", years=years)
    folds = design.layout(dataset_at([45], [5], time=time, variables=design.variables)).folds
    assert folds.n_members == (years - 1 if years > 3 else {1: 3, 2: 5, 3: 9}[years])
    assert folds.test[folds.atom_of_time].sum() in (365, 366, 92)
