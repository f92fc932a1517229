"""The design document: every choice of a person in one JSON file, and what it means for a dataset."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from motrain_app.design.errors import DesignError, did_you_mean
from motrain_app.design.filters import Filter
from motrain_app.design.layout import Layout, make_layout
from motrain_app.design.learner import Learner, learner_from
from motrain_app.design.periods import Period, check_periods
from motrain_app.design.plain import plain
from motrain_app.design.references import references_from
from motrain_app.design.regions import (
    Region,
    check_regions,
    each_cell,
    read_regions,
    regions_from_geojson,
    regions_to_geojson,
    repeated,
)
from motrain_app.design.splitters import Jackknife, Split, jackknife_from, split_from

if TYPE_CHECKING:  # a worker reads designs too, and needs no datasets
    import xarray as xr

SCHEMA = 1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Design:
    """All choices that decide a run. Every argument but the first three has a default; strings are shorthand.

    Parameters
    ----------
    data
        Path of the dataset, or several that are opened as one.
    inputs, outputs
        Names of the variables used as model states x and as observations y.
    references
        By output, the variable of the dataset, in the output's unit, that is somebody else's estimate of it: operators
        are compared with it, and none learns from it. A name alone where there is one output. It may be an input.
    regions
        "cells" for one partition a cell; the path of a GeoJSON file; regions or rules, the earlier one first
        where they overlap; None for one region everywhere.
    periods
        In order of precedence; None for all time.
    filters
        Rules such as ``"TG1 > 273.65"``; a row must pass all of them.
    test
        A date: rows from it on are test rows; or a `Split`; None for no test.
    jackknife
        "year" to leave one year out; a splitter; None for none.
    learner
        "network", "ridge", "ridge2" (quadratic), …, or a `Learner`.
    remedies
        Repairs on reading that a person chose, as `motrain_app.open_dataset` takes them.
    seed
        Whole number from 0 on, from which all random numbers come.

    Raises
    ------
    DesignError
        With every reason that can be told without the dataset.
    """

    data: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    references: Mapping[str, str] = field(hash=False)
    regions: tuple[Region, ...] | None
    periods: tuple[Period, ...] | None
    filters: tuple[Filter, ...]
    test: Split | None
    jackknife: Jackknife | None
    learner: Learner
    remedies: tuple[Mapping[str, Any], ...] = field(hash=False)
    seed: int

    def __init__(
        self,
        data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        references: Mapping[str, str] | str | None = None,
        regions: Any = None,
        periods: Sequence[Any] | None = None,
        filters: Sequence[str | Filter] = (),
        test: Any = None,
        jackknife: Any = "year",
        learner: Any = "network",
        remedies: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
    ) -> None:
        reasons: list[str] = []

        def put(name: str, make: Callable[[], Any]) -> None:
            """Set a field, or keep the reason why it cannot be: a person is told all of them at once."""
            try:
                object.__setattr__(self, name, make())
            except DesignError as error:
                reasons.extend(error.reasons)
            except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
                reasons.append(f"The entry {name!r} of the design cannot be understood ({error}). Correct it.")

        put("data", lambda: _paths(data))
        put("inputs", lambda: _names(inputs, "input"))
        put("outputs", lambda: _names(outputs, "output"))
        if hasattr(self, "outputs"):
            put("references", lambda: references_from(references, self.outputs))
        put("regions", lambda: regions_from(regions))
        put("periods", lambda: _periods(periods))
        put("filters", lambda: _filters(filters))
        put("test", lambda: split_from(test))
        put("jackknife", lambda: jackknife_from(jackknife))
        put("learner", lambda: learner_from(learner))
        put("remedies", lambda: tuple(plain(dict(remedy), "remedies") for remedy in remedies))
        put("seed", lambda: _seed(seed))
        if not reasons:
            both = [name for name in self.inputs if name in self.outputs]
            reasons += [f"{name!r} is both input and output. Remove it from one of them." for name in both]
        if reasons:
            raise DesignError(reasons)

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable that the design reads: inputs, outputs, their references, and what the filters name."""
        asked = {*self.references.values(), *(name for rule in self.filters for name in rule.variables)}
        return (*self.inputs, *self.outputs, *sorted(asked - {*self.inputs, *self.outputs}))

    def change(self, **changes: Any) -> "Design":
        """Return a design in which the given choices differ; shorthand works as in the constructor."""
        return type(self)(**{**{one.name: getattr(self, one.name) for one in fields(self)}, **changes})

    def to_json(self) -> dict[str, Any]:
        """Return the design as plain JSON values with a schema version."""
        return {
            "schema": SCHEMA,
            "data": list(self.data),
            "remedies": [dict(remedy) for remedy in self.remedies],
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "references": dict(self.references),
            "filters": [str(rule) for rule in self.filters],
            "regions": None if self.regions is None else regions_to_geojson(self.regions),
            "periods": None if self.periods is None else [period.to_json() for period in self.periods],
            "test": None if self.test is None else self.test.to_json(),
            "jackknife": None if self.jackknife is None else self.jackknife.to_json(),
            "learner": self.learner.to_json(),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, document: Any) -> "Design":
        """Make a design of the values that `to_json` gave; raises DesignError with every reason."""
        if not isinstance(document, Mapping):
            raise DesignError("The design is no JSON object. Save it again with design.save(path).")
        if document.get("schema") != SCHEMA:
            raise DesignError(
                f"The design has schema {document.get('schema')!r}; this version reads schema {SCHEMA}. "
                "Save it again with the version of motrain_app that made it."
            )
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(document) - {*known, "schema"}, key=str)
        missing = sorted({"data", "inputs", "outputs"} - set(document))
        reasons = [
            f"The design has the unknown entry {name!r}. Correct or remove it. {did_you_mean(str(name), known)}"
            for name in unknown
        ]
        reasons += [f"The design has no {name!r}. Add it." for name in missing]
        if reasons:
            raise DesignError(reasons)
        return cls(**{key: value for key, value in document.items() if key in known})

    def save(self, path: str | Path) -> Path:
        """Write the design as JSON; data that lie beside or below the file are named relative to it."""
        path = Path(path)
        document = self.to_json() | {"data": [_relative(data, path) for data in self.data]}
        try:
            text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            encoded = text.encode()
        except ValueError as error:
            raise DesignError(f"The design cannot be written as JSON ({error}). Look for NaN in it.") from None
        aside = path.with_name(path.name + ".new")
        aside.write_bytes(encoded)
        os.replace(aside, path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Design":
        """Read a design; relative paths in it are taken from its own folder.

        Raises
        ------
        DesignError
            Where there is no such file, it is no design, or the design is invalid.
        """
        path = Path(path)
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise DesignError(f"There is no design {path}. Check the path.") from None
        except (ValueError, OSError, RecursionError) as error:
            raise DesignError(f"{path} cannot be read as a design ({error}). Save it again.") from None
        if isinstance(document, Mapping) and isinstance(document.get("regions"), str):
            document = {**document, "regions": _beside_unless_rule(document["regions"], path)}
        design = cls.from_json(document)
        return design.change(data=[_beside(data, path) for data in design.data])

    def layout(self, dataset: "xr.Dataset") -> Layout:
        """Say what the design means for a dataset: labels of cells and times, and folds. No row is read.

        Raises
        ------
        DesignError
            With every reason for which the design cannot be carried out on this dataset.
        """
        return make_layout(self, dataset)


def regions_from(value: Any) -> tuple[Region, ...] | None:
    """Return regions from their shorthand: "cells", a path, a GeoJSON object, regions, or None.

    Raises
    ------
    DesignError
        With every reason why they cannot be used that can be told without a dataset.
    """
    if value is None:
        return None
    regions = _regions(value)
    check_regions(regions)
    return regions


def _regions(value: Any) -> tuple[Region, ...]:
    if isinstance(value, Region):
        return (value,)
    if isinstance(value, str) and value == "cells":
        return (each_cell(),)
    if isinstance(value, str | os.PathLike):
        return read_regions(Path(value))
    if isinstance(value, Mapping):
        return regions_from_geojson(value)
    if isinstance(value, Sequence) and all(isinstance(region, Region) for region in value):
        return tuple(value)
    raise DesignError(
        f"The regions {value!r:.80} are not understood. Use 'cells', a GeoJSON path, or a list of regions."
    )


def _paths(data: Any) -> tuple[str, ...]:
    several = [data] if isinstance(data, str | os.PathLike) else data
    paths = tuple(os.path.expanduser(os.fspath(path)) for path in several)
    if not paths or not all(paths):
        raise DesignError("The design names no data. Give the path of a NetCDF file or Zarr store.")
    return paths


def _names(names: Sequence[str], role: str) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    reasons = [] if names else [f"The design has no {role}. Name at least one variable."]
    reasons += [f"The {role} {name!r} is no name of a variable." for name in names if not _is_name(name)]
    if not reasons:
        reasons += [f"{name!r} is named twice as {role}. Remove one of them." for name in repeated(names)]
    if reasons:
        raise DesignError(reasons)
    return names


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name)


def _filters(filters: Any) -> tuple[Filter, ...]:
    several = [filters] if isinstance(filters, str | Filter) else filters
    return _all(several, lambda rule: rule if isinstance(rule, Filter) else Filter(rule))


def _periods(periods: Any) -> tuple[Period, ...] | None:
    if periods is None:
        return None
    several = [periods] if isinstance(periods, Period) else periods
    made = _all(several, lambda value: value if isinstance(value, Period) else Period.from_json(value))
    check_periods(made)
    return made


def _all(values: Iterable[Any], make: Callable[[Any], T]) -> tuple[T, ...]:
    """Make something of each value, or raise every reason why some cannot be made."""
    made: list[T] = []
    reasons: list[str] = []
    for value in values:
        try:
            made.append(make(value))
        except DesignError as error:
            reasons += error.reasons
    if reasons:
        raise DesignError(reasons)
    return tuple(made)


def _seed(seed: Any) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise DesignError(f"The seed is {seed!r}; it must be a whole number from 0 on.")
    return seed


def _is_address(path: str) -> bool:
    return "://" in path


def _relative(data: str, design: Path) -> str:
    """Return a path as it stands in a design: relative where it lies beside or below it."""
    if _is_address(data):
        return data
    folder = os.path.realpath(design.parent)
    whole = Path(os.path.realpath(os.path.dirname(data) or "."), os.path.basename(data))
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)


def _beside(data: str, design: Path) -> str:
    return data if _is_address(data) else str(Path(os.path.realpath(design.parent), data))


def _beside_unless_rule(regions: str, design: Path) -> str:
    return regions if regions == "cells" else _beside(regions, design)
