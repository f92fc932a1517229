"""Levels, limits and colours."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motrain_app.ui.map.colours import (
    CATEGORICAL,
    FIRST_LEVEL,
    LEVELS,
    NO_DATA,
    class_colours,
    class_levels,
    no_data_colour,
    number_text,
    palette,
    quantise,
    robust_limits,
    ticks,
    value_colours,
)

numbers = st.floats(-1e6, 1e6, width=32)
anything = st.floats(width=32)


@given(arrays(np.float32, st.integers(0, 50), elements=anything), numbers, st.floats(1e-3, 1e6))
def test_levels_rise_with_values_and_stop_at_the_limits(values, low, span):
    limits = (float(low), float(low) + span)
    levels = quantise(values, limits)
    values = values.astype(float)
    finite = np.isfinite(values)
    assert (levels[~finite] == NO_DATA).all()
    assert (levels[finite] >= FIRST_LEVEL).all()
    assert (levels[finite & (values <= limits[0])] == FIRST_LEVEL).all()
    assert (levels[finite & (values >= limits[1])] == 255).all()
    order = np.argsort(values[finite])
    assert (np.diff(levels[finite][order].astype(int)) >= 0).all()


@given(st.floats(0, 1, exclude_max=True))
def test_each_level_stands_for_as_much(share):
    assert quantise([share], (0, 1))[0] == FIRST_LEVEL + math.floor(share * LEVELS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, bool])
def test_numbers_of_any_kind_have_levels(dtype):
    assert quantise(np.array([0, 1], dtype), (0, 1)).tolist() == [2, 255]


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_what_are_no_limits_is_refused(limits):
    with pytest.raises(ValueError, match="limits are two numbers"):
        quantise([0.5], limits)


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e8, 1e8) | st.sampled_from([np.nan, np.inf])))
def test_limits_are_always_limits(values):
    for name in ("sequential", "diverging"):
        low, high = robust_limits(values, name)
        assert math.isfinite(low)
        assert low < high
        if name == "diverging":
            assert low == -high


def test_an_outlier_does_not_set_the_limits():
    values = np.append(np.linspace(0, 1, 1000), 1e6)
    assert robust_limits(values)[1] < 1.01


def test_limits_of_very_many_values_are_those_of_a_part_of_them():
    values = np.random.default_rng(0).normal(5, 2, 1_000_000)
    low, high = robust_limits(values)
    assert (low, high) == pytest.approx(tuple(np.percentile(values, (2, 98))), abs=0.05)


@given(numbers, st.floats(1e-3, 1e6))
def test_ticks_are_round_and_within_the_limits(low, span):
    limits = (float(low), float(low) + span)
    marks = ticks(limits)
    assert 2 <= len(marks) <= 8
    assert all(limits[0] - 1e-9 * span <= mark <= limits[1] + 1e-9 * span for mark in marks)
    texts = [number_text(mark, span) for mark in marks]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (-8.57483, 1.9, "−8.575"),
        (101325.431, 20.0, "101325.43"),
        (-0.0, None, "0"),
        (-0.00001, 10.0, "0"),
        (4.3e-7, None, "4.3e−7"),
        (4.3e-7, 1e-6, "4.3e−7"),
        (np.nan, 1.0, "no data"),
        (285.0, 10.0, "285"),
        (1e12, 1e12, "1e12"),
    ],
)
def test_numbers_are_written_for_people(value, span, text):
    assert number_text(value, span) == text


def test_a_palette_has_a_colour_a_level_and_its_theme_s_no_data():
    for dark in (False, True):
        for name in ("sequential", "diverging"):
            colours = palette(value_colours(name), dark=dark)
            assert len(colours) == 256
            assert colours[0] == "#00000000"
            assert colours[NO_DATA] == no_data_colour(dark=dark)
    assert no_data_colour(dark=True) != no_data_colour(dark=False)


def test_the_middle_of_the_diverging_palette_is_neutral_and_its_ends_are_as_strong():
    colours = oklab([rgb(colour) for colour in value_colours("diverging")])
    lightness, strength = colours[:, 0], np.hypot(colours[:, 1], colours[:, 2])
    middle = LEVELS // 2
    assert strength[middle - 1 : middle + 1].max() < 0.02
    assert lightness.argmax() in (middle - 1, middle)
    assert abs(lightness[0] - lightness[-1]) < 0.1


@pytest.mark.parametrize("blindness", ["none", "deuteranopia", "protanopia"])
def test_the_sequential_palette_grows_lighter_for_everybody(blindness):
    lightness = oklab(seen([rgb(colour) for colour in value_colours("sequential")], blindness))[:, 0]
    assert (np.diff(lightness) > -1e-3).all()
    assert lightness[-1] - lightness[0] > 0.5


@pytest.mark.parametrize(
    ("blindness", "first", "least"),
    [
        ("none", 8, 0.12),
        ("deuteranopia", 8, 0.07),
        ("protanopia", 8, 0.07),
        ("none", len(CATEGORICAL), 0.08),
        ("deuteranopia", len(CATEGORICAL), 0.04),
        ("protanopia", len(CATEGORICAL), 0.04),
    ],
)
def test_classes_are_told_apart(blindness, first, least):
    """In Oklab, where 0.02 is about the least difference that is seen between two patches side by side."""
    colours = oklab(seen([rgb(colour) for colour in CATEGORICAL[:first]], blindness))
    assert len(CATEGORICAL) >= 20
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)) > least


def test_classes_are_told_from_no_data():
    for dark in (False, True):
        none = oklab([rgb(no_data_colour(dark=dark))])
        distance = np.linalg.norm(oklab([rgb(colour) for colour in CATEGORICAL]) - none, axis=1)
        assert distance.min() > 0.07


def test_colours_of_very_many_classes_return_in_order():
    codes = np.arange(1000)
    colours = palette(class_colours(1000), dark=False)
    drawn = [colours[level] for level in class_levels(codes)]
    assert tuple(drawn) == class_colours(1000)
    assert class_levels([-1, -5]).tolist() == [NO_DATA, NO_DATA]


def test_given_colours_are_taken_and_checked():
    assert class_colours(2, ["#000000", "#FFFFFF", "#123456"]) == ("#000000", "#FFFFFF")
    for wrong in (["red", "blue"], ["#000000"], ["#00000", "#000000"], ["#000000;}", "#000000"]):
        with pytest.raises(ValueError, match="colours"):
            class_colours(2, wrong)


# Colour science, by other hands than the module's own choices


def rgb(colour):
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def linear(colours):
    colours = np.asarray(colours, float)
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def oklab(colours):
    """Return colours in Oklab (Ottosson 2020): lightness and two axes on which distances are what is seen."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear(colours) @ np.transpose(to_cones)) @ np.transpose(to_lab)


def seen(colours, blindness):
    """Return colours as the colour-blind see them (Machado, Oliveira and Fernandes 2009, severity 1)."""
    matrix = {
        "none": np.eye(3),
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
    }[blindness]
    light = np.clip(linear(colours) @ np.transpose(matrix), 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
