"""References: variables of the dataset that are somebody else's estimate of an output, to be compared with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from motrain_app.design.errors import DesignError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr


def references_from(value: Any, outputs: Sequence[str]) -> dict[str, str]:
    """Return the reference of each output that has one, in the outputs' order.

    Parameters
    ----------
    value
        Names of variables by output; a name alone where there is one output; None for none.
    outputs
        Of the design.

    Raises
    ------
    DesignError
        With every reason why they cannot be used that can be told without the dataset.

    Examples
    --------
    >>> references_from("sig_model", ["sig"])
    {'sig': 'sig_model'}
    """
    if value is None:
        return {}
    if isinstance(value, str):
        if len(outputs) > 1:
            raise DesignError(
                f"The reference {value!r} does not say of which output it is. Write {{{outputs[0]!r}: {value!r}}}."
            )
        value = {outputs[0]: value}
    if not isinstance(value, Mapping):
        raise DesignError(f"The references {value!r:.100} are not understood. Name variables by output.")
    reasons = [
        f"The references name {output!r}, which is no output. {did_you_mean(str(output), outputs)}"
        for output in value
        if output not in outputs
    ]
    for output, name in value.items():
        if not isinstance(name, str) or not name:
            reasons.append(f"The reference {name!r} of {output!r} is no name of a variable.")
        elif name == output:
            reasons.append(f"The output {output!r} is its own reference. Name another variable, or none.")
    if reasons:
        raise DesignError(reasons)
    return {output: value[output] for output in outputs if output in value}


def other_units(references: Mapping[str, str], dataset: "xr.Dataset") -> list[str]:
    """Say which references of a dataset have another unit than their output.

    What has no unit is taken to have the other's; variables that are not there are passed over.
    """
    reasons = []
    for output, name in references.items():
        units = [_unit(dataset, one) for one in (output, name)]
        if all(units) and units[0] != units[1]:
            reasons.append(
                f"The reference {name!r} has the unit {units[1]!r}, and its output {output!r} has {units[0]!r}. Write "
                "it into the file in the output's unit, or name another variable."
            )
    return reasons


def _unit(dataset: "xr.Dataset", name: str) -> str:
    return str(dataset[name].attrs.get("units", "")).strip() if name in dataset.variables else ""
