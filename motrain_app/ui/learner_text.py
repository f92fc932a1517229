"""Hyper-parameters as a person reads and types them, and back.

What cannot be understood stays text: the learner then says in a sentence what it needs instead.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from motrain_app.design.wording import text_of

NOTHING = "none"
_APART = re.compile(r"\s*(?:…|\.\.\.?|–)\s*")
_LOG = re.compile(r"\s+log$", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"^(\w[\w, ]*)\n((?:    .*\n?)+)", re.MULTILINE)


def value_of(text: str, *, several: bool) -> Any:
    """Return what a text says: a number, a word, nothing, or a list of them.

    Examples
    --------
    >>> value_of("0.005", several=False), value_of("128", several=False), value_of("none", several=False)
    (0.005, 128, None)
    >>> value_of("16, 16", several=True), value_of("none", several=True), value_of("0, none", several=True)
    ([16, 16], [], [0, None])
    """
    if several:
        if text.strip().lower() == NOTHING:
            return []
        return [value_of(part, several=False) for part in re.split(r"[,;\s]+", text.strip()) if part]
    text = text.strip()
    if text.lower() in ("", NOTHING):
        return None
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def text_of_choice(choice: Any) -> str:
    """Return what a search chooses from as text: a list, or a range as a design writes it.

    Examples
    --------
    >>> text_of_choice([4, 8, 16]), text_of_choice({"low": 0.0005, "high": 0.01, "log": True})
    ('4, 8, 16', '0.0005 … 0.01 log')
    >>> text_of_choice([[16, 16], [8]])
    '16, 16; 8'
    """
    if isinstance(choice, Mapping):
        return f"{text_of(choice.get('low'))} … {text_of(choice.get('high'))}{' log' if choice.get('log') else ''}"
    if not isinstance(choice, list | tuple):
        return text_of(choice)
    nested = any(isinstance(one, list | tuple) for one in choice)
    return ("; " if nested else ", ").join(map(text_of, choice))


def choice_of(text: str, *, several: bool) -> Any:
    """Return what a search chooses from, as a design writes it; None where there is no text.

    Parameters
    ----------
    several
        Whether one value is itself a list, as the widths of the hidden layers: such values stand apart by ";".

    Examples
    --------
    >>> choice_of("4, 8, 16", several=False), choice_of("16, 16; 8", several=True), choice_of(" ", several=False)
    ([4, 8, 16], [[16, 16], [8]], None)
    >>> choice_of("0.0005 … 0.01 log", several=False), choice_of("2...6", several=False)
    ({'low': 0.0005, 'high': 0.01, 'log': True}, {'low': 2, 'high': 6})
    """
    text = text.strip()
    if not text:
        return None
    ends = _APART.split(_LOG.sub("", text))
    if len(ends) == 2 and not several:
        low, high = (value_of(end, several=False) for end in ends)
        return {"low": low, "high": high} | ({"log": True} if _LOG.search(text) else {})
    if several:
        return [value_of(part, several=True) for part in text.split(";") if part.strip()]
    return value_of(text, several=True)


def label_of(name: str) -> str:
    """Return a hyper-parameter's name as a label.

    Examples
    --------
    >>> label_of("learning_rate"), label_of("l2"), label_of("C")
    ('Learning rate', 'L2', 'C')
    """
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def explanations(options: type) -> dict[str, str]:
    """Return what the docstring of an options class says of each hyper-parameter, by name.

    Examples
    --------
    >>> from motrain_app.learning.estimators import ForestOptions
    >>> explanations(ForestOptions)["min_samples_leaf"]
    'Rows that a leaf holds at least.'
    """
    _, _, listed = inspect.cleandoc(options.__doc__ or "").partition("Attributes\n----------\n")
    found: dict[str, str] = {}
    for names, text in _ATTRIBUTE.findall(listed):
        found |= dict.fromkeys(map(str.strip, names.split(",")), " ".join(text.split()))
    return found
