"""Text from files is shown as text, whatever shows it."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.ui.escape import LONGEST_TEXT, safe_text


@given(st.text(alphabet=st.sampled_from("<>&\"'`*[](){}$@%#\\:!a1 \n\x00\u202e"), max_size=40))
def test_nothing_is_left_that_starts_anything(text):
    safe = safe_text(text)
    assert not set(safe) & set("<>\"'`*\n\x00\u202e")
    assert html.unescape(safe) == safe
    assert not any(pair in safe for pair in ("](", "][", "]:", "{{", "${", "@{", "{%", "{#", "$$", "\\(", "\\["))


@given(st.text(max_size=60))
def test_making_safe_twice_is_making_safe_once(text):
    assert safe_text(safe_text(text)) == safe_text(text)


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_ .,;:/()+-]{0,60}", fullmatch=True))
def test_the_names_that_people_give_stay_as_they_are(text):
    assert safe_text(text) == text


@pytest.mark.parametrize("unit", ["m3 m-3", "kg m^-2 s^-1", "°C", "µg/m³", "1", "days since 2000-01-01", "R & D"])
def test_units_stay_as_they_are(unit):
    assert safe_text(unit) == unit


def test_long_text_keeps_its_ends():
    safe = safe_text("a" * 10**6 + "z")
    assert len(safe) == LONGEST_TEXT
    assert (safe[0], safe[-1]) == ("a", "z")
    assert safe_text("abcdefghij", limit=5) == "ab…ij"


def test_anything_has_a_text():
    assert [safe_text(value) for value in (None, 1.5, b"<b>")] == ["None", "1.5", "b’‹b›’"]
