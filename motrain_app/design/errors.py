"""The error that a design raises, and the help that its sentences give."""

import difflib
from collections.abc import Iterable, Sequence


class DesignError(ValueError):
    """A design that cannot be carried out, with every reason at once.

    Parameters
    ----------
    reasons
        One sentence a reason: what is wrong, where, and what to do.
    """

    def __init__(self, reasons: str | Sequence[str]) -> None:
        self.reasons = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        super().__init__("\n".join(self.reasons))

    def __reduce__(self) -> tuple[type["DesignError"], tuple[tuple[str, ...]]]:
        return type(self), (self.reasons,)  # as a whole, so that it passes from a worker to the driver


def did_you_mean(word: str, known: Iterable[str], *, most: int = 20) -> str:
    """Return the sentence that helps where a name is not known: the nearest name, or those that are known.

    Examples
    --------
    >>> did_you_mean("TG", ["WG1", "TG1"])
    "Did you mean 'TG1'?"
    >>> did_you_mean("TG", ["sig", "slop"])
    'Known: sig, slop.'
    """
    names = list(known)
    by_folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    if near:
        return f"Did you mean {by_folded[near[0]]!r}?"
    listed = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return f"Known: {listed or 'none'}."
