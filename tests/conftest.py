"""Data that tests of several rooms use."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import settings

PATIENCE = 60  # seconds to wait for what must come: a busy machine is no failure, a hang is one

# A busy machine is no failure, and other examples are tried in each run.
settings.register_profile("motrain", deadline=None, max_examples=40)
settings.load_profile("motrain")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no worker waits for another one's last file.

    Lines are counted in quick tests alone: to trace the others takes minutes, and they are to show more than lines.
    """
    long = {item.path for item in items if item.get_closest_marker("browser") or item.get_closest_marker("cluster")}
    items.sort(key=lambda item: item.path not in long)
    for item in items:
        if any(item.get_closest_marker(name) for name in ("browser", "cluster", "slow")):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data, which is not part of the repository."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) are not here")
    return folder


@pytest.fixture(scope="session")
def iris_data() -> Path:
    """Folder of the package iris-sample-data."""
    found = importlib.util.find_spec("iris_sample_data")
    if found is None or found.origin is None:
        pytest.skip("the package iris-sample-data is not installed")
    return Path(found.origin).parent / "sample_data"
