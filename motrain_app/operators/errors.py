"""The error that an operator raises."""


class OperatorError(ValueError):
    """An operator file, or an input of an operator, that cannot be used; says what to do."""
