"""Every kind of file that cannot be used is refused with its own code, in sentences that say what to do."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from motrain_app.data import DataError, open_source
from tests.data import hostile_datasets  # noqa: F401  # registers its cases
from tests.data.hostile_files import (
    CASES,
    points,
    saved,
    written,
    zarr_that_declares_a_hundred_billion_times,
)


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_refused_with_its_code_and_with_advice(name: str, tmp_path: Path) -> None:
    code, write = CASES[name]
    with pytest.raises(DataError) as caught:
        open_source(write(tmp_path))
    assert [problem.code for problem in caught.value.problems] == [code]
    (problem,) = caught.value.problems
    assert problem.severity == "error"
    assert problem.remedy.endswith(".")
    message = str(caught.value)
    assert len(message) < 1200
    assert "Traceback" not in message
    assert "Error" not in message


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = written(tmp_path, pickle.dumps(Bomb()), "model.nc")
    with pytest.raises(DataError, match=r"to_netcdf\('data\.nc'\)"):
        open_source(path)
    assert not (tmp_path / "exploded").exists()


def test_a_file_without_permission_is_refused_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(points(), tmp_path)

    def forbidden(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    # The tests may run as root, whom no permission bit stops.
    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(DataError, match="There is no permission to read it") as caught:
        open_source(path)
    assert caught.value.problems[0].code == "no_permission"


@pytest.mark.parametrize("source", ["https://example.org/data.nc", "s3://bucket/data.zarr"])
def test_addresses_are_refused(source: str) -> None:
    with pytest.raises(DataError, match="Download the file"):
        open_source(source)


def test_no_file_is_refused() -> None:
    with pytest.raises(DataError, match="No file was named"):
        open_source([])


def test_all_bad_files_of_several_are_named_at_once(tmp_path: Path) -> None:
    good = saved(points(), tmp_path)
    empty = tmp_path / "empty.nc"
    empty.touch()
    with pytest.raises(DataError) as caught:
        open_source([good, empty, tmp_path / "missing.nc"])
    assert [problem.code for problem in caught.value.problems] == ["empty_file", "missing_file"]


def test_a_declared_size_allocates_nothing(tmp_path: Path) -> None:
    path = zarr_that_declares_a_hundred_billion_times(tmp_path)
    script = (
        "import resource, sys\n"
        "from motrain_app.data import DataError, open_source\n"
        "import motrain_app.data.canonical\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30,) * 2)\n"
        f"try: open_source({str(path)!r})\n"
        "except DataError as error: print(error.problems[0].code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "too_many_times", done.stderr


def test_cases_of_files_and_of_datasets_are_both_registered() -> None:
    assert {"zero_bytes", "a_ship_track"} <= set(CASES)
