"""What may be said of an operator for one output: is it to be used, and if not, why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Kind = Literal["ready", "thin", "no better than climatology", "unstable", "outside its range", "no operator"]
VERDICTS: tuple[Kind, ...] = get_args(Kind)

MIN_EFFECTIVE = 30.0  # independent rows under which a score is an anecdote
MIN_SKILL = 0.01  # share of a baseline's squared error: to beat it by less is to be as good, however sure
MIN_SENSITIVITY = 0.05  # standard deviations of the output a standard deviation of the input: less is no dependence
MAX_OUTSIDE = 0.05  # share of rows with an input that a member has never seen the like of
Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict and its reason, a sentence.

    Attributes
    ----------
    kind
        The first of these that holds: "no operator", also where no member has the output; "thin", as it was judged on
        too little; "no better than climatology", or than what else needs no input and may be better; "unstable", as
        members disagree on the sign of a derivative; "outside its range", as it had to extrapolate; else "ready".
    reason
        Why, with the numbers.
    """

    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a verdict on one output of an operator rests on, all from rows that members withheld.

    Attributes
    ----------
    n, n_effective
        Rows it was judged on, and how many independent ones they are worth.
    skill
        Skill over what needs no input, and the ends of its 95 % interval, NaN without one. By name: "climatology", the
        one that cells share, and "the mean", as a climatology of few rows, or of errors that last, is easy to beat.
    beyond_season
        R² about the mean of each cell and the season that they share, both fitted to these same rows: whether it knows
        more than place and day of the year tell, which is never above 0. NaN where no cell has enough rows.
    sensitivity
        As `sensitivity` gives it for this output, [members, n_inputs].
    outside
        Share of rows with an input outside the range of the predicting member's training rows: of each input, and last
        of any of them, [n_inputs + 1].
    inputs
        Names of the inputs.
    """

    n: float
    n_effective: float
    skill: Mapping[str, tuple[float, float, float]]
    beyond_season: float
    sensitivity: Array
    outside: Array
    inputs: tuple[str, ...]


def judge_operator(evidence: Evidence) -> Verdict:
    """Return the verdict on one output of an operator.

    Examples
    --------
    >>> steady = np.array([[0.5, -0.2], [0.4, -0.3]])
    >>> over = {"climatology": (0.3, 0.2, 0.4), "the mean": (0.65, 0.6, 0.7)}
    >>> judge_operator(Evidence(4000, 900, over, 0.6, steady, np.zeros(3), ("TG1", "WG1"))).kind
    'ready'
    >>> over["climatology"] = 0.1, -0.1, 0.4
    >>> judge_operator(Evidence(4000, 900, over, 0.6, steady, np.zeros(3), ("TG1", "WG1"))).reason
    'Skill over climatology is −0.10 to 0.40: it may be none.'
    """
    if evidence.n == 0:
        return Verdict("thin", "No withheld row was predicted, so nothing is known of its skill.")
    if evidence.n_effective < MIN_EFFECTIVE:
        return Verdict(
            "thin",
            f"Its {evidence.n:,.0f} withheld rows are worth {evidence.n_effective:,.0f} independent ones: too few to "
            "tell.",
        )
    for name, (value, low, _) in evidence.skill.items():
        if np.isneginf(value):
            return Verdict("no better than climatology", f"Its squared error is infinite beside that of {name}.")
        if np.isnan(low):
            why = "too few blocks of days" if np.isfinite(value) else "observations that do not vary"
            rows = f"{evidence.n:,.0f} withheld rows"
            return Verdict("thin", f"Skill over {name} has no interval on {rows}: {why}.")
    for name, (_, low, high) in evidence.skill.items():
        if low < MIN_SKILL:
            none = "it has none" if high <= 0 else "it may be none" if low <= 0 else "it may be next to none"
            return Verdict("no better than climatology", f"Skill over {name} is {_ends(low, high)}: {none}.")
    if np.isnan(evidence.beyond_season):
        return Verdict("thin", "No cell has ten withheld rows: whether it knows more than the season cannot be told.")
    if evidence.beyond_season <= 0:
        r2 = f"{evidence.beyond_season:.2g}".replace("-", "−")
        which = "each cell's mean and the season that all share, both as they were in the withheld rows"
        return Verdict("no better than climatology", f"R² about {which}, is {r2}: it adds nothing to them.")
    opposed = opposed_inputs(evidence.sensitivity)
    if len(opposed):
        names = " and ".join(evidence.inputs[number] for number in opposed)
        return Verdict("unstable", f"Members disagree on the sign of its derivative by {names}.")
    if evidence.outside[-1] > MAX_OUTSIDE:
        worst = evidence.inputs[int(np.argmax(evidence.outside[:-1]))]
        share = f"{100 * evidence.outside[-1]:.0f} %"
        return Verdict("outside its range", f"{share} of its rows lie outside what members learned from, by {worst}.")
    said = [f"over {name} is {_ends(*ends)}" for name, (_, *ends) in evidence.skill.items()]
    return Verdict("ready", f"Skill {', '.join(said)}.")


def _ends(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}".replace("-", "−")


def opposed_inputs(sensitivity: Array) -> NDArray[np.intp]:
    """Return the inputs by which some members say that the output rises, and others that it falls.

    Parameters
    ----------
    sensitivity
        [members, n_inputs]; members without derivatives are NaN. Below 0.05 in size it is no dependence, of either
        sign.
    """
    known = np.nan_to_num(sensitivity)
    rises, falls = (known > MIN_SENSITIVITY).any(axis=0), (known < -MIN_SENSITIVITY).any(axis=0)
    return np.flatnonzero(rises & falls)
