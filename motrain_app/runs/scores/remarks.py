"""What a person should be told of the scores of a run, bias that cancels over the year above all."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from motrain_app.operators import Variable
from motrain_app.operators.seasons import SEASONS, season_of_record
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.scores.borrowed import climatology_remarks
from motrain_app.runs.scores.judged_rows import JudgedReader, JudgedRows, joined
from motrain_app.runs.scores.lacking_words import lacking_remarks
from motrain_app.runs.scores.scoring import partial_words
from motrain_app.skill import SeasonBias, cancels, cell_areas, season_bias
from motrain_app.skill.season_bias import CHANCE, PARTS, opposite_parts

Array = NDArray[np.float64]
_UNLIKELY = 0.01
_LEAST_SHARE = 0.25  # of the partitions


def run_remarks(folder: RunFolder) -> list[str]:
    """Return what the scores of a run hide, as sentences; see `motrain_app.runs.run.Run.remarks`."""
    found = [*bias_remarks(folder), *climatology_remarks(folder), *lacking_remarks(folder)]
    partial = partial_words(folder)
    return [*found, f"This is told of {partial}."] if found and partial else found


def bias_remarks(folder: RunFolder) -> list[str]:
    """Say of which outputs biases of seasons cancel over the year; see `motrain_app.skill.season_bias`.

    Of all partitions together, where each cell counts by its area, and in how many of the partitions that is so, where
    `are_too_many` says that these are more than chance makes of errors without bias. Only out-of-fold rows enter.
    """
    reader = JudgedReader(folder)
    plan = reader.plan
    sums = _Sums(reader)
    for chunk in reader.chunks():
        sums.add(chunk)
    seasons = season_bias(sums.error, sums.weight, sums.season)
    found = cancelling_bias(seasons, sums.year, plan.outputs)
    n = len(reader.partitions)
    for output, number in zip(plan.outputs, sums.partitions.tolist(), strict=True):
        if n > 1 and are_too_many(number, n):
            found.append(f"{output.name}: bias cancels over the year in {number} of {n} partitions.")
    return found


def are_too_many(number: int, n: int) -> bool:
    """Say whether the biases of more partitions cancel than chance makes of errors without bias.

    They are more than 1 % of runs would have if partitions erred independently, and a quarter of all at least.
    Neighbours share errors, though, as of a year's weather, and then cancel together or not at all. Whatever they
    share, `CHANCE` of them do so on average, so that a quarter does so in at most 4 · `CHANCE` = 5 % of runs (Markov's
    inequality): what is told holds at the level of the intervals. In simulations of partitions that share none to all
    of their errors, it was told in at most 1 % of runs.

    Parameters
    ----------
    number
        Of partitions whose biases cancel.
    n
        Of all partitions.

    Examples
    --------
    >>> are_too_many(10, 100), are_too_many(25, 100), are_too_many(1, 4)
    (False, True, False)
    """
    return number >= _LEAST_SHARE * n and bool(bdtrc(number - 1, n, CHANCE) < _UNLIKELY)


def cancelling_bias(seasons: SeasonBias, year: Array, outputs: tuple[Variable, ...]) -> list[str]:
    """Return a sentence for each output whose bias cancels over the year.

    Parameters
    ----------
    seasons
        Shape (outputs, 8).
    year
        Bias of the whole year, shape (outputs).
    outputs
        With their units.
    """
    found = []
    for number in np.flatnonzero(cancels(seasons, year)).tolist():
        value, low, high = (one[number] for one in (seasons.value, seasons.low, seasons.high))
        first, second = sorted(opposite_parts(seasons)[1][number].tolist())
        digits = max(_digits(low[one], high[one]) for one in (first, second))
        unit = f" {outputs[number].unit}" if outputs[number].unit not in ("", "1") else ""
        bias = {one: _signed(value[one], digits) for one in (first, second)}
        said = {
            one: f"[{_plain(low[one], digits)}, {_plain(high[one], digits)}] in {PARTS[one]}" for one in (first, second)
        }
        found.append(
            f"{outputs[number].name}: bias {bias[first]}{unit} {said[first]} and {bias[second]} {said[second]} cancel "
            f"over the year ({_signed(year[number], digits)})."
        )
    return found


def _plain(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _digits(low: float, high: float) -> int:
    """Return how many digits behind the point tell the ends of an interval apart, and from zero where two more do."""
    if not low < high:
        return 3
    digits = max(0, math.ceil(0.5 - math.log10(high - low)))
    nearest = min(abs(low), abs(high))
    return next((more for more in range(digits, digits + 3) if round(nearest, more)), digits)


class _Sums:
    """Errors summed over the seasons of each year: of all partitions, by area, and how many of these cancel."""

    def __init__(self, reader: JudgedReader) -> None:
        plan = reader.plan
        record = season_of_record(plan.time)
        first = int(record.min()) if len(record) else 0
        self._record = record - first
        self._n = int(self._record.max(initial=-1)) + 1
        self.season = (np.arange(self._n) + first) % len(SEASONS)
        self._area = cell_areas(plan.lat, plan.lon).weight
        n_outputs = len(plan.outputs)
        self.error, self.weight = np.zeros((2, n_outputs, self._n))
        self._year_error, self._year_weight = np.zeros((2, n_outputs))
        self.partitions = np.zeros(n_outputs, np.int64)

    @property
    def year(self) -> Array:
        """Bias of the whole year, shape (outputs); NaN without a row."""
        return self._year_error / np.where(self._year_weight > 0, self._year_weight, np.nan)

    def add(self, chunk: list[JudgedRows]) -> None:
        """Take in the rows of whole cells."""
        rows, record = joined(chunk), self._record
        part = np.repeat(np.arange(len(chunk)), [len(one.time) for one in chunk])
        place = np.unique(rows.cell, return_inverse=True)[1]
        for output in range(len(self.error)):
            error = rows.predicted[output].astype(np.float64) - rows.observed[output]
            known = np.flatnonzero(np.isfinite(error))
            error, when, cell = error[known], record[rows.time[known]], place[known]
            area = self._area[rows.cell[known]]
            unit = cell * len(SEASONS) + self.season[when]
            weight = area / np.bincount(unit)[unit]
            self.error[output] += np.bincount(when, weight * error, self._n)
            self.weight[output] += np.bincount(when, weight, self._n)
            weight = area / np.bincount(cell)[cell]
            self._year_error[output] += (weight * error).sum()
            self._year_weight[output] += weight.sum()
            bins = part[known] * self._n + when
            shape = len(chunk), self._n
            sums = np.bincount(bins, error, shape[0] * shape[1]).reshape(shape).astype(np.float64)
            counts = np.bincount(bins, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
            total = counts.sum(axis=1)
            year = sums.sum(axis=1) / np.where(total > 0, total, np.nan)
            self.partitions[output] += cancels(season_bias(sums, counts, self.season), year).sum()
