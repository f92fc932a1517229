"""TensorFlow as workers import it: without Keras, and with one thread, which must be said before its first operation.

Whoever uses TensorFlow here imports it from here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_keras() -> Iterator[None]:
    """Import TensorFlow without Keras, a quarter of its modules, which nothing here needs.

    Asked for the old Keras, which is not there, it goes on without; who needs Keras in this process later finds the
    settings as they were.
    """
    name = "TF_USE_LEGACY_KERAS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


with _without_keras():
    import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

__all__ = ["tf"]
