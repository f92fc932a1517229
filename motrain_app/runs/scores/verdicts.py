"""Verdicts on the operators of a run, from its stored scores and diagnoses; no row is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motrain_app.operators.verdict import Evidence, Verdict, judge_operator
from motrain_app.runs.baselines import CLIMATOLOGY, MEAN, SHARED
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.diagnosing import Diagnosis
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.lacking import Lacking
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.lacking_words import fold_names, lacking_words, read_lacking
from motrain_app.runs.store import DONE, PartitionRow, RunStore, by_file
from motrain_app.skill import OVER, Scores, unpack_scores

_KNOW_NO_INPUT = {CLIMATOLOGY: "climatology", SHARED: "the climatology that its cells share", MEAN: "the mean"}
VERDICT_COLUMNS = ("partition", "output", "verdict", "reason", "n", "n_effective", "skill", "low", "high", "outside")


def verdict_frame(run: RunFolder) -> pd.DataFrame:
    """Return one line a partition and output; see `motrain_app.runs.run.Run.verdicts`."""
    plan = Plan.load(run.plan)
    with RunStore(run.store) as store:
        rows = store.partitions()
    done = [row for row in rows if row.state == DONE]
    found, lacking, folds = read_diagnoses(run, done), read_lacking(run, done), fold_names(run)
    outputs, at = range(len(plan.outputs)), {row.number: number for number, row in enumerate(done)}
    lines = []
    for row in rows:
        number = at.get(row.number)
        missing = [] if number is None else [_missing(lacking, number, output, folds) for output in outputs]
        lines += _lines(row, plan, found.get(row.number), missing)
    return pd.DataFrame(lines, columns=list(VERDICT_COLUMNS))


def read_diagnoses(run: RunFolder, rows: Sequence[PartitionRow]) -> dict[int, Diagnosis]:
    """Return the diagnoses of finished partitions, by number."""
    found = {}
    for name, mine in by_file(rows).items():
        with BlockFile.open(run.blocks / name) as file:
            parts = [file.array(part) for part in Diagnosis.__annotations__]
        for row in mine:
            found[row.number] = Diagnosis(*(part[row.place] for part in parts))
    return found


@dataclass(frozen=True)
class _Missing:
    """What is missing of one output of an operator: all of it, and why; or members, in sentences to follow another."""

    whole: Verdict | None
    members: str


def _missing(lacking: Lacking, number: int, output: int, folds: Sequence[str]) -> _Missing:
    reason = lacking.reasons.get((number, output))
    if reason is not None:
        return _Missing(Verdict("no operator", f"No member has this output. {reason}"), "")
    return _Missing(None, lacking_words(lacking.codes[number, :, output], folds))


def _lines(
    row: PartitionRow, plan: Plan, diagnosis: Diagnosis | None, missing: Sequence[_Missing]
) -> list[tuple[object, ...]]:
    names = [variable.name for variable in plan.outputs]
    if row.scores is None or diagnosis is None:
        none = Verdict("no operator", row.error or f"It is {row.state}.")
        return [(row.name, name, none.kind, none.reason, 0, *[np.nan] * 5) for name in names]
    packed = row.scores.reshape(len(names), -1)
    scores = unpack_scores(packed, metrics=plan.metrics, baselines=plan.baselines)
    lines: list[tuple[object, ...]] = []
    for number, name in enumerate(names):
        skill, low, high = _skill(scores, number, CLIMATOLOGY)
        n, effective = scores.n[number], scores.value[number, plan.metrics.index("n_effective")]
        evidence = Evidence(
            n=float(n),
            n_effective=float(effective),
            skill=_over_what_knows_no_input(scores, number),
            beyond_season=float(diagnosis.beyond_season[number]),
            sensitivity=diagnosis.sensitivity[:, number],
            outside=diagnosis.outside,
            inputs=tuple(variable.name for variable in plan.inputs),
        )
        verdict = missing[number].whole or judge_operator(evidence)
        numbers = (int(n), effective, skill, low, high, float(diagnosis.outside[-1]))
        lines.append((row.name, name, verdict.kind, verdict.reason + missing[number].members, *numbers))
    return lines


def _over_what_knows_no_input(scores: Scores, output: int) -> dict[str, tuple[float, float, float]]:
    """Return an output's skill, with its interval, over what needs no input, by how it is called in a sentence."""
    found = {said: _skill(scores, output, name) for name, said in _KNOW_NO_INPUT.items()}
    if found[_KNOW_NO_INPUT[SHARED]] == found[_KNOW_NO_INPUT[CLIMATOLOGY]]:  # as of one cell, which shares it with none
        del found[_KNOW_NO_INPUT[SHARED]]
    return found


def _skill(scores: Scores, output: int, baseline: str) -> tuple[float, float, float]:
    """Return the skill of an output over a baseline, and its interval."""
    at = scores.metrics.index(OVER + baseline)
    ends: tuple[NDArray[np.float64], ...] = scores.value, scores.low, scores.high
    value, low, high = (float(part[output, at]) for part in ends)
    return value, low, high
