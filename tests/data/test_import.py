"""Importing the room costs little and brings in nothing of the screen or of learning."""

import subprocess
import sys

import pytest

import motrain_app.data as data

HEAVY = ("tensorflow", "panel", "bokeh", "holoviews", "sklearn", "distributed")
ON_USE = ("xarray", "pandas", "dask", "scipy", "zarr", "netCDF4")


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_package_imports_nothing_heavy() -> None:
    script = f"import sys, motrain_app.data; print([name for name in {HEAVY + ON_USE!r} if name in sys.modules])"
    assert run(script) == "[]"


def test_opening_and_checking_import_no_screen_and_no_learning() -> None:
    rooms = "from motrain_app.data import opening, checks, grids, all_readers; all_readers()"
    assert run(f"import sys; {rooms}; print([name for name in {HEAVY!r} if name in sys.modules])") == "[]"


def test_the_fingerprint_is_a_function_whoever_imports_its_module_first() -> None:
    imports = "import motrain_app.data.fingerprint; from motrain_app.data import fingerprint"
    assert run(f"{imports}; print(callable(fingerprint))") == "True"


def test_every_public_name_is_there() -> None:
    for name in data.__all__:
        assert getattr(data, name) is not None
    assert set(data.__all__) <= set(dir(data))


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_datset'"):
        data.open_datset  # noqa: B018
