"""A design as one sentence, whose clauses lead to the pages where they are decided."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from motrain_app.design import Design
from motrain_app.design.wording import jackknife_words, periods_words, regions_words
from motrain_app.ui.escape import safe_text

PageName = Literal["data", "partitions", "validation", "training", "skill", "operators"]


@dataclass(frozen=True)
class Clause:
    """A part of the sentence, and the page that it leads to."""

    text: str
    page: PageName


def design_sentence(design: Design, *, opened: int = 0) -> tuple[Clause, ...]:
    """Say a design in clauses.

    Parameters
    ----------
    opened
        How often the test was opened in the run that is shown.

    Examples
    --------
    >>> design = Design("cells.nc", ["TG1", "WG1"], ["sig"], regions="cells", test="2017-01-01", learner="ridge2")
    >>> for clause in design_sentence(design):
    ...     print(clause.text)
    cells.nc: TG1, WG1 → sig
    one partition a cell × all time
    test from 2017, sealed
    leave one year out
    ridge2
    """
    return (
        Clause(f"{_data(design)}: {_few(design.inputs)} → {_few(design.outputs)}{_filters(design)}", "data"),
        Clause(safe_text(f"{regions_words(design.regions)} × {periods_words(design.periods)}"), "partitions"),
        Clause(_test(design, opened), "validation"),
        Clause(safe_text(jackknife_words(design.jackknife)), "validation"),
        Clause(design.learner.kind, "training"),
    )


def _data(design: Design) -> str:
    first = safe_text(Path(design.data[0]).name)
    return first if len(design.data) == 1 else f"{first} and {len(design.data) - 1} more"


def _few(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(map(safe_text, names)) if len(names) <= most else f"{len(names)} variables"


def _filters(design: Design) -> str:
    return f" where {' and '.join(str(rule) for rule in design.filters)}" if design.filters else ""


def _test(design: Design, opened: int) -> str:
    if design.test is None:
        return "no test"
    date = design.test.date.removesuffix("-01-01")
    return f"test from {date}, {('sealed', 'opened')[opened] if opened < 2 else f'opened {opened} times'}"
