"""Names and colours for shapes that have none yet."""

from collections import Counter
from collections.abc import Collection, Sequence

# Told apart by colour-blind readers (Okabe and Ito 2008; three of Tol 2021), each at least 3:1 on white or black. Red
# is left for outlines that cross themselves.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#997700", "#aa3377", "#66ccaa", "#7f7fd5")


def next_name(taken: Collection[str]) -> str:
    """Return "region 3" where two names are taken, or the next number that is free.

    Examples
    --------
    >>> next_name(["alps", "region 1"]), next_name(["region 2", "region 3"])
    ('region 3', 'region 4')
    """
    number = len(taken) + 1
    while f"region {number}" in taken:
        number += 1
    return f"region {number}"


def next_colour(taken: Sequence[str]) -> str:
    """Return the colour that is taken least often, the first of them in the order of `COLOURS`.

    Examples
    --------
    >>> next_colour([]), next_colour(["#0072B2"])
    ('#0072b2', '#e69f00')
    """
    count = Counter(colour.lower() for colour in taken)
    return min(COLOURS, key=lambda colour: count[colour])


def colour_at(place: int) -> str:
    """Return the colour of the shape at this place of the set, where it has none of its own."""
    return COLOURS[place % len(COLOURS)]
