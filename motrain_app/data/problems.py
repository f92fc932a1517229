"""Findings about a file or dataset, and the error that carries them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]

_LONGEST_NAME = 80
_LONGEST_WHERE = 200
_LONGEST_TEXT = 1000


def shorten(text: object, *, limit: int = _LONGEST_NAME) -> str:
    r"""Text from a file, fit for a message: control characters replaced, the middle of long text cut.

    Examples
    --------
    >>> shorten("soil moisture")
    'soil moisture'
    >>> shorten("x" * 10_000, limit=9)
    'xxxx…xxxx'
    >>> shorten("\x1b[31mred")
    '�[31mred'
    """
    # Cut before cleaning: cleaning a million characters to show eighty would be a waste.
    plain = str(text)
    if len(plain) > limit:
        head = limit // 2
        plain = f"{plain[:head]}…{plain[len(plain) - (limit - head - 1) :]}"
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in plain)


def listing(names: Iterable[object], *, limit: int = 6) -> str:
    """Names as one readable list, cut after `limit` of them.

    Examples
    --------
    >>> listing(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    given = list(names)
    shown = ", ".join(shorten(name) for name in given[:limit])
    return f"{shown} and {len(given) - limit:,} more" if len(given) > limit else shown


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a file or dataset.

    Parameters
    ----------
    severity
        ``"error"``: not usable; ``"warning"``: usable, but somebody should look; ``"note"``: good to know.
    code
        What kind of finding, in snake_case. Stable: tests, screens and scripts refer to it.
    what
        One sentence for a person, without its full stop.
    where
        The file or variable concerned.
    count
        How many values, cells, times or variables are concerned.
    remedy
        What to do, as full sentences.
    fix
        The remedy that a design may record to mend it (`motrain_app.data.remedies`), where there is one.
    """

    severity: Severity
    code: str
    what: str
    where: str = ""
    count: int | None = None
    remedy: str = ""
    fix: Mapping[str, Any] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # Names and paths in a message come from files: no message may grow with them.
        object.__setattr__(self, "what", shorten(self.what, limit=_LONGEST_TEXT))
        object.__setattr__(self, "where", shorten(self.where, limit=_LONGEST_WHERE))
        object.__setattr__(self, "remedy", shorten(self.remedy, limit=_LONGEST_TEXT))

    @property
    def sentence(self) -> str:
        """The finding as readable sentences: where, what, and what to do."""
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.what.rstrip('.')}.{advice}"

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON-able dict."""
        return {
            "severity": self.severity,
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "count": self.count,
            "remedy": self.remedy,
            "fix": dict(self.fix) if self.fix is not None else None,
        }


class DataError(ValueError):
    """A file or dataset that cannot be used; `problems` says why.

    Its text is made of readable sentences: where, what is wrong, what to do.

    Parameters
    ----------
    problems
        One finding or several; at least one.

    Examples
    --------
    >>> print(DataError(Problem("error", "empty_file", "The file has no content", where="a.nc")))
    a.nc: The file has no content.
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        found = (problems,) if isinstance(problems, Problem) else tuple(problems)
        # Passing the findings on, not their text, lets the error travel between processes.
        super().__init__(found)
        self.problems: tuple[Problem, ...] = found

    def __str__(self) -> str:
        return "\n".join(problem.sentence for problem in self.problems)


def merge_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Findings that several files share, as one each; in the order of their first occurrence.

    Examples
    --------
    >>> twice = [Problem("note", "sort_time", "Times were sorted", where=name, count=2) for name in ("a.nc", "b.nc")]
    >>> [(one.where, one.count) for one in merge_problems(twice)]
    [('a.nc, b.nc', 4)]
    """
    groups: dict[tuple[str, str, str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.severity, problem.code, problem.what, problem.remedy), []).append(problem)
    return tuple(group[0] if len(group) == 1 else _merged(group) for group in groups.values())


def _merged(group: list[Problem]) -> Problem:
    counts = [problem.count for problem in group if problem.count is not None]
    where = listing(dict.fromkeys(problem.where for problem in group), limit=3)
    return replace(group[0], where=where, count=sum(counts) if counts else None)


def refuse(code: str, what: str, *, where: str = "", count: int | None = None, remedy: str = "") -> DataError:
    """A `DataError` with one finding, to be raised."""
    return DataError(Problem("error", code, what, where=where, count=count, remedy=remedy))
