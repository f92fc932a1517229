"""Score a run from its files, as a user asks for it; print the seconds on the wall. No test: a script.

Arguments: run folder, workers, how many partitions, and what rows are grouped by ("" for nothing).
"""

import sys
import time

import motrain_app as mt


def main(path: str, workers: int, partitions: int, by: str) -> float:
    """Ask for every score of so many partitions; return the seconds until the table is there."""
    run = mt.Run.open(path)
    names = run.partitions
    metrics = [*dict.fromkeys(run.skill(partitions=names[:1])["metric"]), "r_pooled"]  # the last one is not stored
    begin = time.perf_counter()
    frame = run.skill(by=by or None, metrics=metrics, partitions=names[:partitions], workers=workers)
    seconds = time.perf_counter() - begin
    assert by == "all" or frame["partition"].nunique() == partitions
    return seconds


if __name__ == "__main__":
    folder, *counts, group = sys.argv[1:]
    print(main(folder, *map(int, counts), group))
