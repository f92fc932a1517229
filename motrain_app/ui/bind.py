"""Parameters that are kept equal."""

import param


def keep_equal(one: param.Parameterized, name: str, other: param.Parameterized, its_name: str) -> None:
    """Keep a parameter of each equal to the other's, whichever changes; it begins with the first one's value."""
    other.param.update(**{its_name: getattr(one, name)})
    one.param.watch(lambda event: other.param.update(**{its_name: event.new}), name)
    other.param.watch(lambda event: one.param.update(**{name: event.new}), its_name)
