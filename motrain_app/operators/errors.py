"""The errors that an operator raises."""


class OperatorError(ValueError):
    """An operator file, or an input of an operator, that cannot be used; says what to do."""


class UntrustedTypeError(OperatorError):
    """An estimator that would make objects of a type which nobody allowed; nothing of it was made."""
