"""Train the blocks of a run twice in one process and print the CPU-seconds of each pass. No test: a script.

The second pass has nothing to import, open or compile: its cost is what one more partition costs. The files that it
writes are not recorded in the run.
"""

import os
import sys
import time

from motrain_app.runs.environment import WORKER_ENVIRONMENT
from motrain_app.runs.task import Task, open_workbench, train_block

NOT_RECORDED = 1000  # attempts from here on


def train_blocks(folder: str, attempt: int) -> float:
    """Read, train, judge and write every block; return the CPU-seconds."""
    begin = time.process_time()
    for number in range(open_workbench(folder).plan.n_blocks):
        train_block(folder, Task(number, attempt=NOT_RECORDED + attempt))
    return time.process_time() - begin


if __name__ == "__main__":
    os.environ.update(WORKER_ENVIRONMENT)  # before TensorFlow is imported
    print(*(train_blocks(sys.argv[1], attempt) for attempt in range(2)))
