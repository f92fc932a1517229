"""Findings read as sentences, stay short, and travel between processes."""

import json
import pickle

import pytest

from motrain_app.data import DataError, Problem
from motrain_app.data.problems import merge_problems


def test_an_error_reads_as_where_what_and_remedy() -> None:
    error = DataError(
        [
            Problem("error", "empty_file", "The file has no content", where="a.nc", remedy="Copy it again."),
            Problem("error", "no_time", "It has no time"),
        ]
    )
    assert str(error) == "a.nc: The file has no content. Copy it again.\nIt has no time."


def test_an_error_travels_between_processes_with_its_problems() -> None:
    error = DataError(Problem("error", "empty_file", "The file has no content", count=3))
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == str(error)


def test_an_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no content"):
        raise DataError(Problem("error", "empty_file", "The file has no content"))


def test_no_message_grows_with_what_is_in_a_file() -> None:
    problem = Problem("note", "x", "w" * 10_000, where="n" * 10_000, remedy="r" * 10_000)
    assert len(problem.sentence) < 2300


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert "\x1b" not in Problem("note", "x", "\x1b[31mred\x07", where="a\nb").sentence
    assert Problem("note", "x", "w", where="a\nb").where == "a b"


def test_a_finding_is_json() -> None:
    problem = Problem("warning", "x", "w", count=2, fix={"code": "declare_missing", "variable": "a", "value": -1})
    assert json.loads(json.dumps(problem.to_json()))["fix"]["value"] == -1


def test_findings_that_differ_stay_apart_when_merged() -> None:
    problems = [Problem("note", "x", "w", where="a"), Problem("note", "x", "v", where="b")]
    assert merge_problems(problems) == tuple(problems)
