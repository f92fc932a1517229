"""The vocabulary of remedies is fixed: what is recorded can be given back."""

import re
from pathlib import Path

import motrain_app.data
from motrain_app.data.remedies import AUTOMATIC, EXPLICIT, check_remedies


def test_every_remedy_that_is_recorded_is_in_the_vocabulary() -> None:
    folder = Path(motrain_app.data.__file__).parent
    recorded = {
        code
        for file in folder.glob("*.py")
        for code in re.findall(r'\{"code": "(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert recorded == set(AUTOMATIC) | set(EXPLICIT)


def test_automatic_remedies_are_skipped_and_explicit_ones_kept() -> None:
    explicit = [
        {"code": "declare_missing", "variable": "TG1", "value": -999},
        {"code": "repeated_times", "how": "shift"},
    ]
    automatic = [{"code": code} for code in AUTOMATIC]
    assert check_remedies([*automatic, *explicit]) == tuple(explicit)
