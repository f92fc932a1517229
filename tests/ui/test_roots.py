"""Nothing outside the roots is read, however a path is written."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motrain_app.data import DataError
from motrain_app.design import Design
from motrain_app.ui import roots as module
from motrain_app.ui.roots import Roots
from tests.runs.conftest import make_dataset


@pytest.fixture
def house(tmp_path):
    """A root with data, folders and links; beside it, what nobody may see."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "below").mkdir(parents=True)
    secret.mkdir()
    for path in (root / "a.nc", root / "below" / "b.nc", secret / "s.nc", root / ".hidden.nc", root / "notes.txt"):
        path.write_bytes(b"CDF\x01")
    (root / "inside").symlink_to(root / "below")
    (root / "out").symlink_to(secret)
    (root / "out.nc").symlink_to(secret / "s.nc")
    (root / "two.nc").symlink_to(root / "out" / "s.nc")
    (root / "nowhere.nc").symlink_to(tmp_path / "absent")
    (root / "loop").symlink_to(root / "loop")
    return root


def code_of(roots, path):
    """Return the code with which a path is refused."""
    with pytest.raises(DataError) as caught:
        roots.resolve(path)
    assert "secret" not in str(caught.value).replace(str(path), "")
    return caught.value.problems[0].code


@pytest.mark.parametrize(
    "path", ["a.nc", "below/b.nc", "inside/b.nc", "below/../a.nc", "./a.nc", "below/../below/b.nc", "inside/../a.nc"]
)
def test_what_lies_below_a_root_is_found(house, path):
    found = Roots([house]).resolve(path)
    assert found == Roots([house]).resolve(house / path)
    assert found == Path(os.path.realpath(house / path))


@pytest.mark.parametrize(
    "path",
    [
        "../secret/s.nc",
        "below/../../secret/s.nc",
        "out/s.nc",
        "out",
        "out.nc",
        "two.nc",
        "nowhere.nc",
        "inside/../../secret/s.nc",
        "..",
        "/",
        "/etc/passwd",
        "~root/.ssh/id_rsa",
        "../root2/a.nc",
        "../secret/absent.nc",
    ],
)
def test_what_leads_out_is_refused_whether_it_exists_or_not(house, path):
    (house.parent / "root2").mkdir()
    assert code_of(Roots([house]), path) == "outside_roots"
    if not path.startswith("~"):
        assert code_of(Roots([house]), house / path) == "outside_roots"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a.nc\0.txt", "name_unusable"),
        ("a" * 256, "name_unusable"),
        ("ä" * 200, "name_unusable"),
        ("a/" * 3000, "name_unusable"),
        ("", "no_source"),
        (" ", "no_source"),
        ("https://example.org/a.nc", "address"),
        ("file:///etc/passwd", "address"),
    ],
)
def test_what_is_no_path_is_refused(house, path, code):
    assert code_of(Roots([house]), path) == code


def test_a_loop_of_links_leads_nowhere_out(house):
    assert Roots([house]).resolve("loop").parent == house


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(["..", ".", "below", "inside", "out", "out.nc", "a.nc", "two.nc", "", "x"]), max_size=7
    )
)
def test_no_path_leads_out(house, parts):
    try:
        found = Roots([house]).resolve("/".join(parts) or ".")
    except DataError:
        return
    assert os.path.realpath(found) == str(found)
    assert found == house or house in found.parents


def test_a_root_may_be_a_link_a_file_or_not_there_yet(house, tmp_path):
    (tmp_path / "link").symlink_to(house)
    assert Roots([tmp_path / "link"]).resolve("a.nc") == house / "a.nc"
    only = Roots([house / "a.nc"])
    assert only.resolve(house / "a.nc") == house / "a.nc"
    assert code_of(only, house / "below" / "b.nc") == "outside_roots"
    later = Roots([tmp_path / "later"])
    assert later.resolve("run") == tmp_path / "later" / "run"


def test_a_root_that_becomes_a_link_leads_nowhere(house, tmp_path):
    roots = Roots([house / "below"])
    (house / "below").rename(house / "moved")
    (house / "below").symlink_to(tmp_path / "secret")
    assert code_of(roots, house / "below" / "s.nc") == "outside_roots"


def test_without_roots_there_is_nothing(house):
    assert code_of(Roots([]), "a.nc") == "outside_roots"
    assert code_of(Roots([]), house / "a.nc") == "outside_roots"
    assert Roots([]).listing().entries == ()


def test_of_several_roots_the_first_that_has_it_counts(house, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "only-here.nc").touch()
    roots = Roots([house, tmp_path / "other", house])
    assert len(roots.paths) == 2
    assert roots.resolve("only-here.nc") == tmp_path / "other" / "only-here.nc"
    assert roots.resolve("a.nc") == house / "a.nc"
    assert roots.resolve("nowhere-yet.nc") == house / "nowhere-yet.nc"


def test_a_store_with_a_link_out_of_the_roots_in_it_is_refused(house, tmp_path):
    make_dataset(cells=2, years=1).to_zarr(house / "data.zarr", zarr_format=2)
    roots = Roots([house])
    assert roots.resolve_tree("data.zarr") == house / "data.zarr"
    chunk = next(path for path in (house / "data.zarr" / "a").iterdir() if path.name[0].isdigit())
    chunk.rename(house / "chunk")
    chunk.symlink_to(house / "chunk")
    assert roots.resolve_tree("data.zarr") == house / "data.zarr", "a link within the roots is one"
    chunk.unlink()
    chunk.symlink_to(tmp_path / "secret" / "s.nc")
    with pytest.raises(DataError, match="outside the folders"):
        roots.resolve_tree("data.zarr")


@pytest.fixture
def furnished(house):
    """The house with one of each kind that the app opens."""
    make_dataset(cells=2, years=1).to_zarr(house / "B.zarr", zarr_format=2)
    Design(house / "a.nc", ["a"], ["y"]).save(house / "design.json")
    (house / "other.json").write_text("{}")
    (house / "a-run").mkdir()
    (house / "a-run" / "run.json").write_text("{}")
    os.mkfifo(house / "pipe.nc")
    return house


def test_a_folder_is_listed_with_what_the_app_opens(furnished):
    listing = Roots([furnished]).listing(".")
    assert [(entry.name, entry.kind) for entry in listing.entries] == [
        ("below", "folder"),
        ("inside", "folder"),
        ("a-run", "run"),
        ("a.nc", "data"),
        ("B.zarr", "data"),
        ("design.json", "design"),
    ]
    assert listing.left_out == 4
    assert listing.parent is None
    assert not listing.cut
    assert Roots([furnished]).listing("inside").parent == furnished


def test_the_roots_themselves_are_listed(furnished, tmp_path):
    roots = Roots([furnished, furnished / "a.nc", tmp_path / "absent"])
    assert [(entry.path, entry.kind) for entry in roots.listing().entries] == [
        (furnished, "folder"),
        (furnished / "a.nc", "data"),
    ]


def test_a_long_list_is_cut_and_says_so(house, monkeypatch):
    for number in range(30):
        (house / "below" / f"{number:02d}.nc").touch()
    monkeypatch.setattr(module, "LISTED_AT_MOST", 10)
    listing = Roots([house]).listing("below")
    assert listing.cut
    assert [entry.name for entry in listing.entries][:2] == ["00.nc", "01.nc"]
    monkeypatch.setattr(module, "SCANNED_AT_MOST", 5)
    assert len(Roots([house]).listing("below").entries) <= 6


@pytest.mark.parametrize("folder", ["absent", "a.nc", "out", "../secret"])
def test_what_is_no_folder_here_is_told(house, folder):
    with pytest.raises(DataError) as caught:
        Roots([house]).listing(folder)
    assert caught.value.problems[0].code in ("missing_file", "outside_roots")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(house):
    (house / "below").chmod(0)
    with pytest.raises(DataError) as caught:
        Roots([house]).listing("below")
    (house / "below").chmod(0o700)
    assert caught.value.problems[0].code == "no_permission"
