"""Groups of rows by a variable: classes, ranges, and what decides where they end."""

from dataclasses import dataclass

import numpy as np
import pytest

from motrain_app.runs import RunError
from motrain_app.runs.scores.grouping import MOST_CLASSES, checked_bins, find_cuts, group_by_variable
from motrain_app.runs.scores.row_values import RowValues


@dataclass
class Rows:
    """Rows of one cell whose time steps number them."""

    time: np.ndarray

    @property
    def cell(self):
        return np.zeros(len(self.time), int)


def rows(first, last):
    return Rows(np.arange(first, last))


def variable(values, meanings=None):
    array = np.asarray(values, np.float64)
    return RowValues("v", "m", lambda cell, time: array[time], meanings or {})


def grouped(values, withheld, n_rows, **options):
    return group_by_variable(values, find_cuts(values, withheld, n_rows, **options))


def test_ranges_have_equally_many_withheld_rows_whatever_other_rows_hold():
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(size=1000), 100 + random.normal(size=500)])
    withheld, others = rows(0, 1000), rows(1000, 1500)
    grouping = grouped(variable(values), [withheld], 1000, others=[others])
    np.testing.assert_array_equal(np.bincount(grouping.label(withheld)), [200] * 5)
    assert (grouping.label(others) == 4).all()
    alone = grouped(variable(values), [rows(0, 400), rows(400, 1000)], 1000)
    assert alone.names == grouping.names
    assert grouping.names[0].startswith("under ")
    assert grouping.names[-1].endswith(" m and over")


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).gamma(2, 3, 20_000),
        101_325 + np.random.default_rng(2).normal(0, 3, 20_000),  # four digits tell nothing of it
        np.float32([0.1, 0.3, 0.7, 0.9]).astype(np.float64).repeat(500),  # 0.7 is a little less as float32
        np.concatenate([np.linspace(0.12341, 0.12344, 200), np.linspace(0.123449, 1, 800)]),
    ],
    ids=["spread", "narrow", "few", "under four digits"],
)
def test_ranges_are_cut_where_their_names_say(values):
    everything = rows(0, len(values))
    grouping = grouped(variable(values), [everything], len(values))
    first, *inner, last = (name.removesuffix(" m") for name in grouping.names)
    ends = [first.removeprefix("under "), *(name.split(" – ")[1] for name in inner)]
    assert [*(name.split(" – ")[0] for name in inner), last.removesuffix(" m and over")] == ends
    bins = [-1e9, *map(float, ends), 1e9]
    again = grouped(variable(values), [everything], len(values), bins=bins)
    number = np.bincount(grouping.label(everything))
    np.testing.assert_array_equal(np.bincount(again.label(everything)), number)
    exact = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
    unrounded = np.bincount(np.searchsorted(exact, values, side="right"))
    assert (number >= 0.75 * unrounded).all()
    assert len(number) == len(unrounded)


def test_gaps_are_in_no_group_and_infinite_values_in_the_open_ranges():
    values = np.r_[np.arange(100) + 0.5, np.nan, np.inf, -np.inf]
    grouping = grouped(variable(values), [rows(0, 103)], 103)
    np.testing.assert_array_equal(grouping.label(rows(99, 103)), [4, -1, 4, 0])


def test_whole_numbers_are_classes_until_there_are_too_many():
    values = np.arange(3 * MOST_CLASSES) % MOST_CLASSES - 1
    grouping = grouped(variable(values), [rows(0, len(values))], len(values))
    assert grouping.names[:3] == ("-1", "0", "1")
    np.testing.assert_array_equal(grouping.label(rows(0, len(values))), values + 1)
    more = np.arange(3 * MOST_CLASSES) % (MOST_CLASSES + 1)
    assert len(grouped(variable(more), [rows(0, len(more))], len(more)).names) == 5


def test_classes_of_test_rows_are_groups_too_and_meanings_name_them():
    values = [1.0, 2.0, 1.0, np.nan, 3.0]
    grouping = grouped(variable(values, {1.0: "sand", 3.0: "peat"}), [rows(0, 4)], 4, others=[rows(4, 5)])
    assert grouping.names == ("sand", "2", "peat")
    np.testing.assert_array_equal(grouping.label(rows(0, 5)), [0, 1, 0, -1, 2])


def test_a_variable_that_is_mostly_one_value_has_fewer_ranges():
    values = np.r_[np.zeros(900), np.linspace(0.5, 3.3, 100)]
    grouping = grouped(variable(values), [rows(0, 1000)], 1000)
    label = grouping.label(rows(0, 1000))
    assert len(grouping.names) < 5
    assert (label >= 0).all()


def test_given_ranges_hold_their_lower_end_and_the_last_its_upper_one():
    grouping = grouped(variable([0, 1, 1.5, 2, 2.5, 3, 3.1, -0.1]), [], 0, bins=[0, 1, 3])
    np.testing.assert_array_equal(grouping.label(rows(0, 8)), [0, 1, 1, 1, 1, 1, -1, -1])
    assert grouping.names == ("0 – 1 m", "1 – 3 m")


@pytest.mark.parametrize(
    ("bins", "names"),
    [
        (np.arange(4) * 0.1, ("0 – 0.1 m", "0.1 – 0.2 m", "0.2 – 0.3 m")),
        ([0, 1 / 3, 1], ("0 – 0.3333 m", "0.3333 – 1 m")),
        ([0.12345, 0.5], ("0.12345 – 0.5 m",)),
        ([1 / 3, 1 / 3 + 1e-8, 1], ("0.33333333 – 0.33333334 m", "0.33333334 – 1 m")),
    ],
)
def test_given_ranges_are_named_with_the_digits_that_a_person_would_give(bins, names):
    assert grouped(variable([0.2]), [], 0, bins=checked_bins(bins)).names == names


@pytest.mark.parametrize("bins", [[1], [2, 1], [1, 1], [0, np.nan], [0, np.inf], [], 5, ["x", 2], None])
def test_ends_that_are_no_ranges_are_refused(bins):
    with pytest.raises(RunError, match="two or more numbers"):
        checked_bins(bins)


def test_where_no_row_was_withheld_classes_come_from_the_others_and_ranges_must_be_given():
    classes = variable(np.array([1.0, 2.0, 2.0, 1.0, 1.0]))
    assert find_cuts(classes, [], 0, others=[rows(0, 5)]).classes == (1.0, 2.0)
    quantity = variable(np.array([0.5, 1.25, 3.5, 2.0, 0.1]))
    with pytest.raises(RunError, match=r"No row was withheld, .* Give their ends as bins"):
        find_cuts(quantity, [], 0, others=[rows(0, 5)])
    assert find_cuts(quantity, [], 0, bins=[0, 2, 4], others=[rows(0, 5)]).edges == (0.0, 2.0, 4.0)


def test_a_variable_without_values_makes_no_groups():
    with pytest.raises(RunError, match="has no value in any of the withheld rows"):
        grouped(variable(np.full(5, np.nan)), [rows(0, 5)], 5)
