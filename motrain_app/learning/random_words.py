"""Random numbers of thousands of slots at once: each is computed from a key and its place in line, from nothing else.

References
----------
Steele, Lea & Flood (2014): Fast splittable pseudorandom number generators. OOPSLA, doi:10.1145/2660193.2660195.
"""

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.identity import GAMMA, IdArray, combine_ids


def random_words(key: IdArray, n: int) -> IdArray:
    """Return the first n words of SplitMix64 for each key.

    Parameters
    ----------
    key
        uint64, any shape.
    n
        How many words a key; the first of many are those of few.

    Returns
    -------
    numpy.ndarray
        uint64, [..., n].

    Examples
    --------
    >>> words = random_words(np.array([1, 2], np.uint64), 3)
    >>> words.shape, bool((words[1] == random_words(np.uint64(2), 3)).all())
    ((2, 3), True)
    """
    return combine_ids(np.asarray(key)[..., None], np.arange(n, dtype=np.uint64) * GAMMA)


def random_uniforms(key: IdArray, n: int) -> NDArray[np.float64]:
    """Return n numbers in [0, 1) for each key, [..., n], with the 53 bits that a float64 holds."""
    return np.asarray((random_words(key, n) >> np.uint64(11)) * 2.0**-53)
