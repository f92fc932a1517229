"""The operator: the members of one partition acting together as h(x) in physical units."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.filters import Filter
from motrain_app.design.intervals import Intervals, as_intervals, inside
from motrain_app.operators.errors import OperatorError
from motrain_app.operators.interfaces import AnyMember
from motrain_app.operators.interval import ResidualQuantiles
from motrain_app.operators.seasons import season_of
from motrain_app.operators.times import as_times
from motrain_app.operators.together import mean_of_members, spread_of_members

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]
_FLOAT32_ROUNDING = 2.0**-22  # relative; rows are staged as float32, so their range is known no better


@dataclass(frozen=True, slots=True)
class Variable:
    """Name and unit of an input or output."""

    name: str
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A trained measurement operator y = h(x).

    No TensorFlow, no dataset and no run folder is needed to evaluate it. It is plain NumPy, unless a learner of
    scikit-learn trained it, which is imported then at the first evaluation.

    Attributes
    ----------
    name
        Of its partition.
    inputs, outputs
        Variables with units, in the order of the columns of x and y.
    members
        One a fold; h(x) is, output by output, the mean of those that have it.
    filters
        Rules that rows passed in training; where one fails, h(x) is NaN.
    residuals
        Quantiles of the residuals of rows that members withheld, for `interval`; None where nothing was withheld.
    without_member
        The half-open intervals [start, end) of folds that have no member, as it could not be trained, though others may
        have learnt from their rows: shape (n, 2). None where there is no such fold; one without rows is none.

    Raises
    ------
    OperatorError
        Where there is no member, one has other numbers of inputs or outputs, or intervals are none.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.operators import Member
    >>> one, two = np.ones(1), 2 * np.ones(1)
    >>> twice = Member("2010", (np.ones((1, 1)),), (0 * one,), 0 * one, one, -one, one, 0 * one, two)
    >>> h = Operator("alps", (Variable("TG1", "K"),), (Variable("sig", "dB"),), (twice,), (Filter("TG1 > 0"),))
    >>> x = np.array([[0.5], [3.0], [-1.0]])
    >>> h(x)
    array([[ 1.],
           [ 6.],
           [nan]])
    >>> h.inside_range(x)
    array([ True, False,  True])
    """

    name: str
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    members: tuple[AnyMember, ...]
    filters: tuple[Filter, ...] = ()
    residuals: ResidualQuantiles | None = None
    without_member: Intervals | None = None

    def __post_init__(self) -> None:
        if not self.members:
            raise OperatorError(f"The operator {self.name!r} has no member.")
        if {(member.n_inputs, member.n_outputs) for member in self.members} != {(len(self.inputs), len(self.outputs))}:
            raise OperatorError(
                f"The operator {self.name!r} has {len(self.inputs)} inputs and {len(self.outputs)} outputs; "
                "its members have others."
            )
        if self.residuals is not None and self.residuals.n_outputs != len(self.outputs):
            raise OperatorError(f"The residual quantiles of the operator {self.name!r} are those of other outputs.")
        try:
            without = None if self.without_member is None else as_intervals(self.without_member)
        except ValueError as error:
            raise OperatorError(f"The folds without a member of {self.name!r} cannot be read ({error}).") from None
        object.__setattr__(self, "without_member", without)

    @overload
    def __call__(self, x: "xr.Dataset", *, crossfit: bool = ...) -> "xr.Dataset": ...
    @overload
    def __call__(self, x: Array, *, crossfit: bool = ..., time: Any = ...) -> Float64: ...
    def __call__(self, x: Any, *, crossfit: bool = False, time: Any = None) -> Any:
        """Map model states to observations.

        Parameters
        ----------
        x
            Array of shape (n, n_inputs), or a dataset with the inputs as variables; further dims broadcast.
        crossfit
            At each time use the member that withheld it, so that no prediction comes from a model that has
            seen the observation. Where that member could not be trained (`without_member`), or lacks an output, it is
            NaN; times that nobody learnt from, such as those of the test, get the mean of all.
        time
            Times of the rows in UTC, shape (n,), for `crossfit` with an array: datetime64, or dates as text or objects;
            a dataset brings its own.

        Returns
        -------
        numpy.ndarray or xarray.Dataset
            (n, n_outputs), or the outputs as variables with units. NaN where an input is missing, a filter fails, no
            member has the output, or `crossfit` has none to ask.

        Raises
        ------
        OperatorError
            Where inputs are missing, have another unit, or a filter cannot be checked.
        """
        if _is_dataset(x):
            if time is not None:
                raise OperatorError("A dataset brings its own time. Leave time= out.")
            return self._call_dataset(x, crossfit=crossfit)
        columns = self._columns(x)
        n = columns.shape[1]
        allowed = self._allowed(dict(zip(self._names, columns, strict=True)), n)
        if not crossfit:
            y = self.predict(columns)
        elif time is None:
            raise OperatorError(
                "crossfit=True needs the time of each row: pass time=, or an xarray.Dataset with a time."
            )
        else:
            y = self._crossfit(columns, as_times(time, n))
        return np.where(allowed, y, np.nan).T

    @property
    def differentiable(self) -> bool:
        """Whether `jacobian` says anything: trees are flat almost everywhere, and their Jacobian is NaN."""
        return all(member.differentiable for member in self.members)

    def predict(self, x: Array) -> Float64:
        """Return the members' mean [n_outputs, rows] for inputs [n_inputs, rows], filters not applied."""
        return mean_of_members(self.members, (member.predict(x) for member in self.members))

    def spread(self, x: Array) -> Float64:
        """Return the members' standard deviation (n, n_outputs) at x (n, n_inputs), filters not applied.

        It is a spread, not an error bar: members share most of their training rows.
        """
        columns = self._columns(x)
        return spread_of_members(self.members, [member.predict(columns) for member in self.members]).T

    @overload
    def interval(self, x: "xr.Dataset", time: None = ..., *, level: float = ...) -> "xr.Dataset": ...
    @overload
    def interval(self, x: Array, time: Any, *, level: float = ...) -> tuple[Float64, Float64]: ...
    def interval(self, x: Any, time: Any = None, *, level: float = 0.9) -> Any:
        """Return the interval in which an observation lies with a probability of about `level`.

        The ends are h(x) plus quantiles, of the season, of the residuals that members had on rows they withheld; see
        `motrain_app.operators.interval.ResidualQuantiles` for what that means and what it does not. Bounds of outputs
        hold for h(x), not for the ends: noise may carry an observation beyond them.

        Parameters
        ----------
        x
            As in a call.
        time
            Times of the rows, shape (n,), for an array; a dataset brings its own.
        level
            From 0.5 to 0.99. Whole per cents are exact; others take the next higher one.

        Returns
        -------
        tuple of numpy.ndarray, or xarray.Dataset
            Lower and upper ends, (n, n_outputs) each; or variables ``<output>_low`` and ``<output>_high`` with units
            and, where a season has no interval of its own, a comment that says so. NaN where h(x) is NaN, and where
            too few rows were withheld.

        Raises
        ------
        OperatorError
            Where nothing was withheld, a time is missing, or the level is none; and as in a call.
        """
        if self.residuals is None:
            raise OperatorError(
                f"The operator {self.name!r} knows no out-of-fold residuals, so it has no interval. Train it with a "
                "jackknife; or, where its file is older than intervals, export it again."
            )
        if _is_dataset(x):
            y: Any = self(x, time=time)
            return self.residuals.around_dataset(y, _seasons_of(x), level)
        if time is None:
            raise OperatorError("An interval depends on the season. Pass the time of each row, time=.")
        y = self(x)
        return self.residuals.around(y, season_of(as_times(time, len(y))), level)

    def jacobian(self, x: Array) -> Float64:
        """Return dy/dx of the members' mean, in physical units and filters not applied.

        Parameters
        ----------
        x
            Array of shape (n, n_inputs).

        Returns
        -------
        numpy.ndarray
            (n, n_outputs, n_inputs); NaN where an input is missing, and everywhere unless it is `differentiable`.
        """
        columns = self._columns(x)
        slope = mean_of_members(self.members, (member.jacobian(columns) for member in self.members))
        return np.moveaxis(slope, 2, 0)

    def inside_range(self, x: Array) -> NDArray[np.bool_]:
        """Return which rows of x (n, n_inputs) lie within the training rows' range with every input."""
        columns = self._columns(x)
        low = np.min([member.input_low for member in self.members], axis=0)[:, None]
        high = np.max([member.input_high for member in self.members], axis=0)[:, None]
        slack = _FLOAT32_ROUNDING * np.maximum(np.abs(low), np.abs(high))
        return np.asarray(((columns >= low - slack) & (columns <= high + slack)).all(axis=0))

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(variable.name for variable in self.inputs)

    def _columns(self, x: Any) -> Array:
        if hasattr(x, "columns"):
            raise OperatorError(
                f"x is a table, whose columns may stand in any order. Pass x[{list(self._names)}].to_numpy()."
            )
        array = np.asarray(x)
        if array.ndim != 2 or array.shape[1] != len(self.inputs) or array.dtype.kind not in "fiub":
            raise OperatorError(
                f"x has shape {array.shape} and type {array.dtype}; it must hold numbers of shape "
                f"(n, {len(self.inputs)}) with the columns {', '.join(self._names)}."
            )
        return array.T

    def _allowed(self, values: Mapping[str, NDArray[Any]], n: int) -> NDArray[np.bool_]:
        allowed = np.ones(n, bool)
        for rule in self.filters:
            absent = sorted(rule.variables - set(values))
            if absent:
                raise OperatorError(
                    f"The filter '{rule}' needs {', '.join(absent)}, which is no input. "
                    "Pass an xarray.Dataset that has it."
                )
            allowed &= rule(values)
        return allowed

    def _crossfit(self, x: Array, time: NDArray[np.datetime64]) -> Float64:
        """Predict each row by the member that withheld its time; no time is withheld by two of them."""
        y = np.full((len(self.outputs), x.shape[1]), np.nan)
        free = np.ones(x.shape[1], bool) if self.without_member is None else ~inside(self.without_member, time)
        for member in self.members:
            if member.held_out is not None:
                mine = np.flatnonzero(inside(member.held_out, time))
                y[:, mine] = member.predict(x[:, mine])
                free[mine] = False
        y[:, free] = self.predict(x[:, free])
        return y

    def _call_dataset(self, x: "xr.Dataset", *, crossfit: bool) -> "xr.Dataset":
        import xarray as xr

        if crossfit and "time" not in x.coords:
            raise OperatorError("crossfit=True needs a time coordinate in the dataset.")
        fields = self._fields(x, x["time"] if crossfit else None)
        shape, dims = next(iter(fields.values())).shape, next(iter(fields.values())).dims
        values = {name: field.values.reshape(-1) for name, field in fields.items()}
        columns = np.stack([values[name] for name in self._names])
        if crossfit:
            time = x["time"].broadcast_like(next(iter(fields.values()))).transpose(*dims)
            y = self._crossfit(columns, as_times(time.values.reshape(-1), columns.shape[1]))
        else:
            y = self.predict(columns)
        y = np.where(self._allowed(values, columns.shape[1]), y, np.nan)
        return xr.Dataset(
            {
                variable.name: (dims, row.reshape(shape), {"units": variable.unit} if variable.unit else {})
                for variable, row in zip(self.outputs, y, strict=True)
            },
            coords={name: coord for name, coord in x.coords.items() if set(coord.dims) <= set(dims)},
        )

    def _fields(self, x: "xr.Dataset", time: "xr.DataArray | None" = None) -> dict[str, "xr.DataArray"]:
        """Return inputs and filter variables by name, broadcast against each other, and against times if there are."""
        import xarray as xr

        asked = [*self._names, *(name for rule in self.filters for name in sorted(rule.variables))]
        names = list(dict.fromkeys(asked))
        absent = [name for name in names if name not in x.variables]
        if absent:
            raise OperatorError(f"The dataset has no {', '.join(absent)}, which the operator {self.name!r} needs.")
        for variable in self.inputs:
            unit = str(x[variable.name].attrs.get("units", variable.unit))
            if variable.unit and unit != variable.unit:
                raise OperatorError(
                    f"{variable.name} is in {unit!r}; the operator was trained with {variable.unit!r}. "
                    "Convert it, and set its units."
                )
        texts = [f"{name} ({x[name].dtype})" for name in names if x[name].dtype.kind not in "fiub"]
        if texts:
            raise OperatorError(f"The dataset has no numbers in {', '.join(texts)}.")
        others = [] if time is None else [time]
        return dict(zip(names, xr.broadcast(*(x[name] for name in names), *others), strict=False))

    def save(self, path: str | Path) -> Path:
        """Write the operator to one file (safetensors: arrays and a JSON header, nothing that could run)."""
        from motrain_app.operators.operator_file import write_operator

        return write_operator(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Operator":
        """Read an operator that `save` wrote.

        Raises
        ------
        OperatorError
            Where the file is absent, truncated, damaged, or no operator; or holds an estimator of a type that is not
            on the list of `motrain_app.operators.estimator_file`.
        """
        from motrain_app.operators.operator_file import read_operator

        return read_operator(Path(path))


def _is_dataset(x: Any) -> bool:
    """Say whether it is an xarray.Dataset, without importing xarray: who has one has imported it."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(x, xarray.Dataset)


def _seasons_of(x: "xr.Dataset") -> "xr.DataArray":
    import xarray as xr

    if "time" not in x.coords:
        raise OperatorError("An interval depends on the season: the dataset needs a time coordinate.")
    time = x["time"]
    season = season_of(as_times(time.values.reshape(-1), time.size)).reshape(time.shape)
    return xr.DataArray(season, dims=time.dims, coords={"time": time})
