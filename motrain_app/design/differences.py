"""What tells two designs apart, in words: for runs that are compared, and for a run whose design was changed since.

`differences` says it in full, `changes` names only the parts; both come from the same list. It is plain text with the
names that people gave to regions and files: whoever shows it makes these safe.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import basename
from typing import Any

from motrain_app.design.document import Design
from motrain_app.design.filters import Filter
from motrain_app.design.periods import Period
from motrain_app.design.regions import Region
from motrain_app.design.wording import (
    jackknife_words,
    period_words,
    periods_words,
    regions_words,
    split_words,
    text_of,
)

_MOST = 5  # names of a list that are told


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two designs.

    Attributes
    ----------
    text
        What differs, before → after.
    matters
        Whether a run could tell: the name and the colour of a region are for people alone.
    """

    text: str
    matters: bool = True


def differences(before: Design, after: Design) -> list[str]:
    """Return what differs, each in full words, in the order of the pages; empty where nothing does.

    Examples
    --------
    >>> design = Design("cells.nc", ["TG1"], ["sig"], test="2017-01-01", learner="ridge")
    >>> for words in differences(
    ...     design,
    ...     design.change(filters=["TG1 > 273.65"], test=None, learner={"kind": "network", "hidden": [16]}, seed=1),
    ... ):
    ...     print(words)
    filter TG1 > 273.65 added
    test: from 2017-01-01 → none
    learner: ridge → network (hidden 16)
    seed: 0 → 1
    """
    return [one.text for part in _PARTS.values() for one in part(before, after)]


def changes(before: Design, after: Design) -> list[str]:
    """Name the parts that differ, in the order of the pages; what only renames or recolours a region is no difference.

    Examples
    --------
    >>> design = Design("cells.nc", ["TG1"], ["sig"])
    >>> changes(design, design.change(test="2017-01-01", learner="ridge2"))
    ['the test', 'the learner']
    """
    return [name for name, part in _PARTS.items() if any(one.matters for one in part(before, after))]


def _data(before: Design, after: Design) -> Iterator[Difference]:
    old, new = before.data, after.data
    names = {basename(path.rstrip("/\\")) for path in (*old, *new)}
    if len(names) == len({*old, *new}):  # else the names alone would not tell them apart
        old, new = (tuple(basename(path.rstrip("/\\")) for path in some) for some in (old, new))
    if len(old) == len(new) == 1:
        yield from _change("data", old[0], new[0])
    else:
        yield from _lists("file", old, new)


def _remedies(before: Design, after: Design) -> Iterator[Difference]:
    yield from _lists("remedy", *([_remedy(one) for one in design.remedies] for design in (before, after)))


def _remedy(remedy: Mapping[str, Any]) -> str:
    code = text_of(remedy.get("code")).replace("_", " ")
    options = text_of({key: value for key, value in remedy.items() if key != "code"})
    return code if options == "none" else f"{code} ({options})"


def _references(before: Design, after: Design) -> Iterator[Difference]:
    old, new = before.references, after.references
    for output in {**old, **new}:
        yield from _change(f"reference of {output}", old.get(output, "none"), new.get(output, "none"))


def _regions(before: Design, after: Design) -> Iterator[Difference]:
    old, new = before.regions, after.regions
    words = regions_words(old), regions_words(new)
    mine, theirs = ({region.id: region for region in some or ()} for some in (old, new))
    common = [id_ for id_ in mine if id_ in theirs]
    if not common and words[0] != words[1]:
        yield from _change("regions", *words)
        return
    yield from _named("region", "removed", [region.name for id_, region in mine.items() if id_ not in theirs])
    yield from _named("region", "added", [region.name for id_, region in theirs.items() if id_ not in mine])
    pairs = [(mine[id_], theirs[id_]) for id_ in common]
    redrawn = [new.name for old, new in pairs if old.geometry != new.geometry]
    yield from _named("region", "redrawn", redrawn)
    for one, other in pairs:
        yield from _options(f"region {other.name}", _rule(one), _rule(other))
    yield from _order("region", [mine[id_].name for id_ in common], [mine[id_].name for id_ in theirs if id_ in mine])
    yield from _renamed("region", pairs, matters=False)
    recoloured = [new.name for old, new in pairs if old.options.get("colour") != new.options.get("colour")]
    yield from _named("region", "recoloured", recoloured, matters=False)


def _rule(region: Region) -> dict[str, Any]:
    """Return how a region finds its cells, apart from its geometry."""
    return {"kind": region.kind} | {key: value for key, value in region.options.items() if key != "colour"}


def _periods(before: Design, after: Design) -> Iterator[Difference]:
    old, new = before.periods, after.periods
    mine, theirs = ({period.id: period for period in some or ()} for some in (old, new))
    common = [id_ for id_ in mine if id_ in theirs]
    if not common and periods_words(old) != periods_words(new):
        yield from _change("periods", periods_words(old), periods_words(new))
        return
    yield from _named("period", "removed", [_with_times(one) for id_, one in mine.items() if id_ not in theirs])
    yield from _named("period", "added", [_with_times(one) for id_, one in theirs.items() if id_ not in mine])
    pairs = [(mine[id_], theirs[id_]) for id_ in common]
    for one, other in pairs:
        yield from _change(f"period {other.name}", period_words(one), period_words(other))
    yield from _renamed("period", pairs)
    yield from _order("period", [mine[id_].name for id_ in common], [mine[id_].name for id_ in theirs if id_ in mine])


def _with_times(period: Period) -> str:
    return f"{period.name} ({period_words(period)})"


def _jackknife(before: Design, after: Design) -> Iterator[Difference]:
    old, new = ({} if one is None else one.to_json() for one in (before.jackknife, after.jackknife))
    if old.get("kind") == new.get("kind"):
        yield from _options("jackknife", old, new)
    else:
        yield from _change("jackknife", jackknife_words(before.jackknife), jackknife_words(after.jackknife))


def _learner(before: Design, after: Design) -> Iterator[Difference]:
    old, new = before.learner, after.learner
    if old.kind == new.kind:
        yield from _options(f"learner {new.kind}", old.options, new.options)
        return
    words = (
        f"{one.kind} ({text_of({_spaced(name): value for name, value in one.options.items()})})"
        if one.options
        else one.kind
        for one in (old, new)
    )
    yield from _change("learner", *words)


# In the order of the pages, each under the name by which `changes` tells it.
_PARTS: dict[str, Callable[[Design, Design], Iterator[Difference]]] = {
    "the data": _data,
    "the remedies": _remedies,
    "the filters": lambda before, after: _lists("filter", _texts(before.filters), _texts(after.filters)),
    "the inputs": lambda before, after: _lists("input", before.inputs, after.inputs),
    "the outputs": lambda before, after: _lists("output", before.outputs, after.outputs),
    "the references": _references,
    "the regions": _regions,
    "the periods": _periods,
    "the test": lambda before, after: _change("test", split_words(before.test), split_words(after.test)),
    "the jackknife": _jackknife,
    "the learner": _learner,
    "the seed": lambda before, after: _change("seed", str(before.seed), str(after.seed)),
}


def _change(what: str, old: str, new: str) -> Iterator[Difference]:
    if old != new:
        yield Difference(f"{what}: {old} → {new}")


def _options(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Tell in which options two of a kind differ; one that stands in neither is the same default."""
    names = [name for name in {**old, **new} if (name in old, old.get(name)) != (name in new, new.get(name))]
    told = [
        f"{_spaced(name)} {' → '.join(text_of(one[name]) if name in one else 'default' for one in (old, new))}"
        for name in names
    ]
    if told:
        yield Difference(f"{what}: {', '.join(told)}")


def _lists(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    removed, added = [one for one in old if one not in new], [one for one in new if one not in old]
    yield from _named(what, "removed", removed)
    yield from _named(what, "added", added)
    if not removed and not added:
        yield from _order(what, old, new)


def _order(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    if list(old) != list(new):
        yield Difference(f"{_several(what)} in another order: {_few(old)} → {_few(new)}")


def _named(what: str, verb: str, names: Sequence[str], *, matters: bool = True) -> Iterator[Difference]:
    if names:
        yield Difference(f"{what if len(names) == 1 else _several(what)} {_few(names)} {verb}", matters)


def _renamed(
    what: str, pairs: Sequence[tuple[Region, Region]] | Sequence[tuple[Period, Period]], *, matters: bool = True
) -> Iterator[Difference]:
    told = [f"{old.name} → {new.name}" for old, new in pairs if old.name != new.name]
    if told:
        yield Difference(f"{what if len(told) == 1 else _several(what)} renamed: {_few(told)}", matters)


def _several(what: str) -> str:
    return f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"


def _few(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_MOST])
    return listed if len(names) <= _MOST else f"{listed} and {len(names) - _MOST} more"


def _texts(rules: Iterable[Filter]) -> list[str]:
    return [str(rule) for rule in rules]


def _spaced(name: str) -> str:
    return name.replace("_", " ")
