"""The error that a run raises."""


class RunError(RuntimeError):
    """A run that cannot start, go on, or be read; says what is wrong, where, and what to do."""
