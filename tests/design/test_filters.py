"""Filters: what they keep equals NumPy; what is no rule is refused and never runs."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import DesignError, Filter

VALUES = {
    "a": np.array([-1.5, 0.0, 0.1, 1.0, 273.65, 280.0, 1e9, -7.0]),
    "b": np.array([3.0, -2.0, 0.1, 0.0, 1.0, 280.0, 0.5, -7.0]),
    "flag": np.array([0, 1, 2, 3, 4, 5, 6, 255], np.uint8),
    "ok": np.array([True, False, True, True, False, False, True, False]),
}

numbers = st.one_of(st.integers(-300, 300), st.floats(-300, 300)).map(repr)
terms = st.recursive(
    st.one_of(st.sampled_from(["a", "b", "flag"]), numbers),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({} / {})".format, inner, st.sampled_from(["4", "-0.3", "1e3"])),
        st.builds("(-{})".format, inner),
    ),
    max_leaves=4,
)
comparisons = st.builds("{} {} {}".format, terms, st.sampled_from([">", ">=", "<", "<=", "==", "!="]), terms)
rules = st.recursive(
    st.one_of(comparisons, st.builds("(flag & {})".format, st.integers(0, 255)), st.just("not ok")),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
).filter(lambda text: re.search(r"\b(a|b|flag|ok)\b", text))


def in_python(text):
    """Evaluate a rule row by row with Python's own arithmetic."""
    kept = []
    for row in zip(*VALUES.values(), strict=True):
        values = dict(zip(VALUES, (value.item() for value in row), strict=True))
        kept.append(eval(text, {"__builtins__": {}}, values))
    return [bool(value) for value in kept]


@settings(deadline=None, max_examples=300)
@given(rules)
def test_a_rule_keeps_the_rows_that_python_keeps(text):
    assert Filter(text)(VALUES).tolist() == in_python(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 273.65", VALUES["a"] > 273.65),
        ("a >= 273.65", VALUES["a"] >= 273.65),
        ("0 <= a < 1", (VALUES["a"] >= 0) & (VALUES["a"] < 1)),
        ("1 / a > 0", np.array([False, True, True, True, True, True, True, False])),
        ("a > 1 / 0", VALUES["a"] > np.inf),
        ("a < 10 * 1e300 * 1e300", VALUES["a"] < np.inf),
        ("flag & 4", (VALUES["flag"] & 4) != 0),
        ("(flag & 4) == 0 and a < 1", ((VALUES["flag"] & 4) == 0) & (VALUES["a"] < 1)),
        ("flag & 6 == 6", (VALUES["flag"] & 6) == 6),
        ("flag & 300", (VALUES["flag"].astype(int) & 300) != 0),
        ("flag - 1 < 0", VALUES["flag"].astype(int) - 1 < 0),
        ("flag * 2 > 300", VALUES["flag"].astype(int) * 2 > 300),
        ("-flag < -4", VALUES["flag"] > 4),
        ("(a > 0) & (b > 0)", (VALUES["a"] > 0) & (VALUES["b"] > 0)),
        ("(a > 0) + (b > 0) + (flag > 3) >= 2", np.array([0, 0, 1, 0, 1, 1, 1, 0], bool)),
        ("ok == 1 and not ok == 0", VALUES["ok"]),
        ("ok or a > 1e6", VALUES["ok"] | (VALUES["a"] > 1e6)),
        ("a == b", VALUES["a"] == VALUES["b"]),
    ],
)
def test_a_rule_equals_numpys(text, expected):
    assert Filter(text)(VALUES).tolist() == np.asarray(expected).tolist()


def test_a_literal_has_the_precision_of_the_variable():
    values = {"x": np.array([0.1, 0.2], np.float32)}
    assert Filter("x == 0.1")(values).tolist() == [True, False]
    assert Filter("x >= 0.05 + 0.05")(values).tolist() == [True, True]
    assert Filter("x * 2 == 0.2")(values).tolist() == [True, False]


@pytest.mark.parametrize(
    "text",
    ["x > 0", "not x > 0", "x != 1", "x & 1", "not (x & 1)", "y > 0 or x > 0", "x or y > 0", "not (y < 0 and x > 0)"],
)
def test_a_row_in_which_a_variable_is_missing_never_passes(text):
    values = {"x": np.array([np.nan, 3.0]), "y": np.array([1.0, 1.0])}
    assert not Filter(text)(values)[0]


@pytest.mark.parametrize("text", ["not x / y > 1", "x / y != 5", "not (x - x * 1e308 * 1e10 == 0)"])
def test_arithmetic_without_a_result_never_passes(text):
    values = {"x": np.array([0.0, 4.0]), "y": np.array([0.0, 2.0])}
    assert not Filter(text)(values)[0]


def test_flags_stored_as_floats_must_be_whole_numbers():
    values = {"flag": np.array([5.0, 5.5, np.nan, 1e300, np.inf, -np.inf])}
    assert Filter("flag & 1")(values).tolist() == [True, False, False, False, False, False]
    assert Filter("not (flag & 2)")(values).tolist() == [True, False, False, False, False, False]


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_flags_of_every_integer_type_are_read(kind):
    values = {"flag": np.array([0, 4, 6, 127], kind), "other": np.array([4, 4, 1, 2], "uint64")}
    assert Filter("flag & 4")(values).tolist() == [False, True, True, True]
    assert Filter("flag & other")(values).tolist() == [False, True, False, True]


def test_shapes_broadcast():
    values = {"x": np.array([[1.0], [-1.0]]), "y": np.array([1.0, -1.0, 1.0])}
    assert Filter("x > 0 and y > 0")(values).tolist() == [[True, False, True], [False, False, False]]
    assert Filter("0 < x <= y")(values).shape == (2, 3)


@pytest.mark.parametrize(
    "text",
    [
        "open('/tmp/never', 'w')",
        "__import__('os').system('true')",
        "(lambda: a)() > 0",
        "a.real > 0",
        "a.__class__ > 0",
        "a[0] > 0",
        "(b := a) > 0",
        "a > 'x'",
        "f'{a}' > 'x'",
        "a > b'x'",
        "a ** 2 > 0",
        "9 ** 9 ** 9 ** 9 > a",
        "a % 2 == 0",
        "a // 2 == 0",
        "a << 2 > 0",
        "1 << 99999999999 > a",
        "a @ b > 0",
        "a ^ 1",
        "~a > 0",
        "a is b",
        "a in b",
        "a not in b",
        "[a] > 0",
        "(a, b) > 0",
        "{a} > 0",
        "{a: b} > 0",
        "[x for x in a] > 0",
        "a if b > 0 else a > 1",
        "a > None",
        "a > True",
        "a > ...",
        "a > 1j",
        "*a > 0",
        "a > 0; b > 0",
        "a > 0\nb > 0",
        "import os",
        "yield a",
        "await a",
        "a = 5",
        "a > ",
        "",
        "   ",
        "a > 0\0",
        "\ud800 > 0",
        "a > 99999999999999999999",
        "a > " + "9" * 5000,
        "a > 0" + " and a > 0" * 1000,
        "(" * 300 + "a" + ")" * 300 + " > 0",
        "not " * 200 + "a",
        "-" * 1500 + "a > 0",
        "+".join(["a"] * 200) + " > 0",
        "a | b",
        "a",
        "a + 1",
        "5",
        "1 > 0",
        "a > 1 or 2",
        "a > 0 and 1",
        "not 1",
        "not (a + b)",
        "a > 1 & b < 2",
        "(a > 1) & flag",
        "(a > 1) & (flag & 4)",
        "flag & 4.0",
        "flag & -1",
        "flag & (a + 1)",
        "flag & 4 & 2",
    ],
)
def test_what_is_no_rule_is_refused_in_words(text):
    with pytest.raises(DesignError) as refused:
        Filter(text)
    (reason,) = refused.value.reasons
    assert reason.startswith("The filter ")
    assert len(reason) < 400


def test_a_rule_is_never_run_as_python(tmp_path):
    trace = tmp_path / "ran"
    for text in (f"open({str(trace)!r}, 'w') > 0", f"a > __import__('pathlib').Path({str(trace)!r}).touch()"):
        with pytest.raises(DesignError):
            Filter(text)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a | b", "Write 'or'"),
        ("(a > 1) & flag", "Write 'and'"),
        ("a > 1 & b < 2", "Write 'and'"),
        ("a > 1 or 2", "no comparison (2)"),
        ("a ** 2 > 1", "Allowed are comparisons"),
        ("a in b", "uses In."),
        ("a + 1", "true or false"),
        ("1 > 0", "names no variable"),
        ("a > 99999999999999999999", "too large"),
        ("not " * 60 + "a > 0", "nested too deeply"),
    ],
)
def test_a_refusal_says_what_to_write(text, words):
    with pytest.raises(DesignError) as refused:
        Filter(text)
    assert words in str(refused.value)


@pytest.mark.parametrize("value", [None, 5, ["a > 0"], b"a > 0"])
def test_what_is_no_text_is_no_filter(value):
    with pytest.raises(DesignError, match="no text"):
        Filter(value)


def test_a_filter_is_a_value():
    one, two = Filter("a > 0"), Filter("  a > 0 ")
    assert one == two
    assert hash(one) == hash(two)
    assert str(two) == "a > 0"
    assert one != Filter("a > 1")
    one(VALUES)
    assert pickle.loads(pickle.dumps(one)) == one


def test_variables_are_those_that_are_read():
    assert Filter("a + b > 0 and not flag & 1").variables == {"a", "b", "flag"}


def test_names_in_any_script_can_be_filtered():
    assert Filter("температура > 0 and σ0 < 1").variables == {"температура", "σ0"}
