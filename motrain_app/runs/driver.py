"""The driver: carries a run through, from staging to the last partition. It outlives the app that started it.

Only the driver writes the store. It takes over what another run has trained already, submits blocks in a small window,
records each returned file, and then lets go of the future; so the store, not the cluster, is what a run can be resumed
from.
"""

import errno
import os
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from typing import Any

from distributed import KilledWorker, wait
from distributed.client import FutureCancelledError

from motrain_app.data import fingerprint, open_dataset
from motrain_app.design import DesignError
from motrain_app.learning import resolve_learner
from motrain_app.learning.registering import Registered
from motrain_app.runs.cluster import Cluster
from motrain_app.runs.control import Control
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.lock import RunLock
from motrain_app.runs.origins import Origins
from motrain_app.runs.plan import Plan, make_plan
from motrain_app.runs.progress import Progress
from motrain_app.runs.recovery import record_file, recover
from motrain_app.runs.rows_of import claims_of
from motrain_app.runs.staging import stage_rows
from motrain_app.runs.store import SKIPPED, WAITING, RunStore
from motrain_app.runs.takeover import take_over
from motrain_app.runs.task import Outcome, Task, train_block

POLL_SECONDS = 0.2
CLUSTERS_AT_MOST = 5  # how often a dead scheduler is replaced before the run gives up
DEATHS_AT_MOST = 2  # of a partition that is trained alone


Watch = Callable[[Progress], None]


class ClusterLostError(Exception):
    """The scheduler is gone, and with it every future."""


class Driver:
    """Drives one run.

    Parameters
    ----------
    run
        Folder that `RunFolder.create` made, with nothing, something or everything in it.
    cluster
        Makes the cluster's client.
    watch
        Called with the progress a few times a second.
    modules
        Those that workers load before they train.
    """

    def __init__(
        self,
        run: RunFolder,
        cluster: Cluster,
        watch: Watch = lambda progress: None,
        modules: tuple[Registered, ...] = (),
    ) -> None:
        self._run, self._cluster, self._watch, self._modules = run, cluster, watch, modules
        self._control = Control(run.path)
        self._queue: deque[Task] = deque()
        self._running: dict[Any, Task] = {}
        self._deaths: dict[int, int] = {}
        self._attempt = 0
        self._taken_over: dict[str, int] = {}

    def drive(self) -> str:
        """Carry the run through and return how it ended: "done" or "stopped".

        Raises
        ------
        RunError
            Where the run cannot start or go on; what is finished stays.
        """
        with RunLock(self._run.path):
            self._control.forget()
            if not self._prepare():
                return "stopped"
            with RunStore(self._run.store, write=True) as self._store:
                self._store.enter_wal()
                self._store.upgrade()
                self._store.put("state", "running")
                try:
                    self._attempt = recover(self._run, self._store)
                    self._take_over()
                    end = self._train()
                except BaseException as error:
                    self._store.put("state", f"broken: {error}")
                    raise
                self._store.put("state", end)
                self._report(end)
                return end

    # Before training

    def _prepare(self) -> bool:
        """Stage the rows and make plan and store, unless they are there; False where the run was stopped meanwhile."""
        run = self._run
        if run.store.exists() and run.plan.exists() and run.staged().exists():
            return True
        design = run.design()
        if fingerprint(list(design.data)) != run.info()["fingerprint"]:
            raise RunError(f"The data {', '.join(design.data)} changed since the run was made. Train the design anew.")
        dataset = open_dataset(list(design.data), remedies=design.remedies)
        layout = design.layout(dataset)
        rows = stage_rows(
            dataset,
            design,
            run.staged(),
            progress=lambda share: self._watch(Progress("staging", share)),
            stopped=self._asked_to_end,
        )
        if rows is None:
            return False
        if not run.plan.exists() or not run.store.exists():
            plan = make_plan(
                layout,
                rows,
                *resolve_learner(design.learner),
                max_rows=run.info().get("max_rows"),
                rows_of=claims_of(run),
                seed=design.seed,
            )
            plan.save(run.plan)
            RunStore.create(run.store, _store_rows(plan, layout.partitions.names)).close()
        return True

    def _take_over(self) -> None:
        if self._store.counts().get(WAITING):
            take_over(
                self._run,
                self._store,
                self._modules,
                progress=lambda share: self._watch(Progress("taking over", share)),
                stopped=self._asked_to_end,
            )
        self._taken_over = Origins(self._store).counts()

    def _asked_to_end(self) -> bool:
        return self._control.asked("stop") or self._control.asked("cancel")

    # Training

    def _train(self) -> str:
        self._fill_queue()
        for _ in range(CLUSTERS_AT_MOST):
            if not self._queue or self._asked_to_end():
                return self._end()
            self._report("starting")
            try:
                with self._cluster() as client, client.as_current():
                    self._follow(client)
                return self._end()
            except ClusterLostError:
                self._running.clear()
                self._fill_queue()
        raise RunError(
            f"The cluster was lost {CLUSTERS_AT_MOST} times. What is finished is kept; go on with: "
            f"motrain resume {self._run.path}"
        )

    def _end(self) -> str:
        return "stopped" if self._store.counts().get(WAITING) else "done"

    def _fill_queue(self) -> None:
        """Queue every partition that waits, block by block."""
        waiting: dict[int, list[int]] = {}
        whole: dict[int, int] = {}
        for row in self._store.partitions():
            if row.block >= 0:
                whole[row.block] = whole.get(row.block, 0) + 1
            if row.state == WAITING:
                waiting.setdefault(row.block, []).append(row.number)
        self._queue = deque(
            Task(block, None if len(numbers) == whole[block] else tuple(numbers), self._attempt)
            for block, numbers in sorted(waiting.items())
        )

    def _follow(self, client: Any) -> None:
        """Feed the cluster and record what comes back, until nothing is left or somebody asks to stop."""
        folder = str(self._run.path.resolve())
        while self._queue or self._running:
            if self._control.asked("cancel"):
                self._control.ask("stop")
            stop = self._control.asked("stop")
            if stop and not self._running:
                return
            window = 2 * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
            while self._queue and len(self._running) < window and not stop and not self._control.asked("pause"):
                task = self._queue.popleft()
                key = f"block-{task.block}-{task.attempt}-{os.urandom(4).hex()}"
                self._running[client.submit(train_block, folder, task, self._modules, key=key, pure=False)] = task
            self._collect(client)
            self._report("training")

    def _collect(self, client: Any) -> None:
        """Take in every task that has ended."""
        if client.status not in ("running", "connecting"):
            raise ClusterLostError
        try:
            wait(list(self._running), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return
        except (CancelledError, FutureCancelledError):
            raise ClusterLostError from None
        for future in [future for future in self._running if future.done()]:
            task = self._running.pop(future)
            if future.status == "cancelled" or future.status == "lost":
                raise ClusterLostError
            self._settle(future, task)
            future.release()

    def _settle(self, future: Any, task: Task) -> None:
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            self._retry(
                task,
                "Training it killed its process twice, alone: it may need more memory than a worker has.",
            )
        elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            # No fault of the partition: it keeps waiting, and the run ends before more is computed in vain.
            raise RunError(
                f"The disk of {self._run.path} is full. Free some; then: motrain resume {self._run.path}"
            ) from None
        elif error is not None:
            self._log(task, error)
            told = isinstance(error, DesignError | RunError)  # in words that are for whoever made the design
            words = str(error) if told else f"Training it raised {type(error).__name__}: {error}"
            self._retry(task, words, deadly=False)
        else:
            outcome: Outcome = future.result()
            if outcome.file is not None:
                record_file(self._run, self._store, outcome.file, outcome.sha256)

    def _retry(self, task: Task, reason: str, *, deadly: bool = True) -> None:
        """Train the partitions of a failed task each alone: the guilty one is found, and its neighbours finish."""
        numbers = task.only or tuple(Plan.load(self._run.plan).partitions(task.block).tolist())
        if len(numbers) > 1:
            self._enqueue(task.block, numbers)
            return
        self._deaths[numbers[0]] = self._deaths.get(numbers[0], 0) + (1 if deadly else DEATHS_AT_MOST)
        if self._deaths[numbers[0]] >= DEATHS_AT_MOST:
            self._store.fail(numbers, reason)
        else:
            self._enqueue(task.block, numbers)

    def _enqueue(self, block: int, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._attempt += 1  # every attempt writes a file of its own
            self._queue.append(Task(block, (number,), self._attempt))

    def _log(self, task: Task, error: BaseException) -> None:
        with open(self._run.path / "driver.log", "a", encoding="utf-8") as log:
            log.write(f"{task}\n{''.join(traceback.format_exception(error))}\n")

    def _report(self, phase: str) -> None:
        self._watch(Progress.of_counts(phase, self._store.counts(), self._taken_over))


def _store_rows(plan: Plan, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    nothing = "It has no training row: every row is missing, filtered out, or a test row."
    columns = zip(
        plan.ids.tolist(),
        names,
        plan.block_of.tolist(),
        plan.training_rows.tolist(),
        plan.test_rows.tolist(),
        strict=True,
    )
    return [
        (
            number,
            f"{id_:016x}",
            name,
            block,
            training,
            test,
            WAITING if block >= 0 else SKIPPED,
            None if block >= 0 else nothing,
        )
        for number, (id_, name, block, training, test) in enumerate(columns)
    ]
