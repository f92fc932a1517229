"""The network trains where TensorFlow puts it: nothing in it names a processor, so a GPU that is seen is used."""

import subprocess
import sys

import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import numpy as np
from motrain_app.learning.network_tensorflow import tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])
assert tf.config.get_visible_devices() == tf.config.list_physical_devices()  # importing it hides none

from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.network_program import Program
from tests.learning.conftest import make_block

block = make_block.__wrapped__()(partitions=2)
options = NetworkOptions(hidden=(5,), epochs=6, batch=64)
placed = set()
advance = Program.advance

def watched(self, *arguments, **named):
    state = advance(self, *arguments, **named)
    placed.update(layer.device for layer in state.layers)
    return state

Program.advance = watched
found = []
for device in ("CPU:0", "CPU:1"):
    placed.clear()
    with tf.device(device):
        found.append(fit_network(block, options))
    assert len(placed) == 1 and placed.pop().endswith(device), placed
for name, values in found[0].stack.arrays.items():
    np.testing.assert_array_equal(values, found[1].stack.arrays[name])
print("the same")
"""


def test_training_goes_where_it_is_put_and_gives_the_same(pytestconfig):
    """Of two processors: were one named anywhere in the program, its results would stand on that one."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.endswith("the same\n"), done.stderr
