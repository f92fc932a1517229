"""What tells two designs apart, in words: for a run whose design was changed since."""

from motrain_app.design import Design

_WORDS = {
    "data": "the data",
    "remedies": "the remedies",
    "filters": "the filters",
    "inputs": "the inputs",
    "outputs": "the outputs",
    "references": "the references",
    "regions": "the regions",
    "periods": "the periods",
    "test": "the test",
    "jackknife": "the jackknife",
    "learner": "the learner",
    "seed": "the seed",
}


def changes(before: Design, after: Design) -> list[str]:
    """Return what differs, in the order of the pages; what only renames or recolours a region is no difference.

    Examples
    --------
    >>> design = Design("cells.nc", ["TG1"], ["sig"])
    >>> changes(design, design.change(test="2017-01-01", learner="ridge2"))
    ['the test', 'the learner']
    """
    old, new = before.to_json(), after.to_json()
    return [
        words
        for name, words in _WORDS.items()
        if (_places(old[name]) != _places(new[name]) if name == "regions" else old[name] != new[name])
    ]


def _places(regions: object) -> object:
    """Return what decides the cells of regions, without names and colours."""
    if not isinstance(regions, dict):
        return regions
    unseen = {"name", "colour"}
    return [
        (
            feature.get("id"),
            feature.get("geometry"),
            {key: value for key, value in (feature.get("properties") or {}).items() if key not in unseen},
        )
        for feature in regions["features"]
    ]
