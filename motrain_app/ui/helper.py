"""The helper process: fits and sums that a page asks for, away from the process that serves pages.

There is one, started by the first job. Jobs wait for each other; one that is called off while it runs takes the process
with it, and the next job starts another. (A pool of the standard library can only call off what has not begun.)
"""

import multiprocessing
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection, wait
from typing import Any

from motrain_app.runs import RunError

_CONTEXT = multiprocessing.get_context("spawn")
_END_SECONDS = 2.0

Job = Future[Any]
"""What a job brings. It counts as pending until it is done, so that `cancel` works at any time before."""


class Helper:
    """One process of our own, and the thread that hands it jobs.

    It starts with the first job and ends with `close`; a process whose parent was killed ends by itself.
    """

    def __init__(self) -> None:
        self._jobs: deque[tuple[Job, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._process: Any = None
        self._pipe: Connection | None = None
        self._current: Job | None = None
        self._bell, self._ringer = _CONTEXT.Pipe(duplex=False)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Job:
        """Have a function of a module called in the helper process, and return its job.

        Function, arguments and result are pickled. What the function raises, the job raises. A page waits with
        ``await asyncio.wrap_future(job)``; whoever cancels that, cancels the job.

        Raises
        ------
        RunError
            After `close`.
        """
        job: Job = Future()
        with self._changed:
            if self._closed:
                raise RunError("The app is ending; nothing is begun any more.")
            self._jobs.append((job, function, arguments))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="motrain-helper", daemon=True)
                self._thread.start()
            self._changed.notify()
        job.add_done_callback(self._ring_if_cancelled)
        return job

    def close(self) -> None:
        """Call off what waits and what runs, and end the process."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            waiting = [job for job, _, _ in self._jobs]
            self._jobs.clear()
            self._ringer.send_bytes(b"!")
            self._changed.notify()
        for job in waiting:
            job.cancel()
        if self._thread is not None:
            self._thread.join()
        self._bell.close()
        self._ringer.close()

    def _ring_if_cancelled(self, job: Job) -> None:
        with self._changed:
            if job.cancelled() and job is self._current and not self._closed:
                self._ringer.send_bytes(b"!")

    # The thread

    def _serve(self) -> None:
        """Hand over one job after the other, until closed."""
        if hasattr(signal, "pthread_sigmask"):  # the process inherits it: a terminal's Ctrl-C is not for the process
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while self._take():
            pass
        self._end_process()

    def _take(self) -> bool:
        """Wait for a job and see it through; False where the helper was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if self._closed:
                return False
            job, function, arguments = self._jobs.popleft()
            self._current = job
        try:
            good, value = self._answer(job, pickle.dumps((function, arguments)))
        except (EOFError, OSError):
            self._end_process(kill=True)
            good, value = False, RunError("The helper process died, perhaps for want of memory. Try again with less.")
        except Exception as error:  # what cannot be pickled, among others
            good, value = False, error
        with self._changed:
            self._current = None
        if job.set_running_or_notify_cancel():
            (job.set_result if good else job.set_exception)(value)
        return True

    def _answer(self, job: Job, message: bytes) -> tuple[bool, Any]:
        """Send a job and wait for the answer, or for a sign that nobody wants it any more."""
        if job.cancelled():
            return True, None
        pipe = self._started()
        pipe.send_bytes(message)
        while True:
            ready = wait([pipe, self._bell])
            if self._bell in ready:
                self._bell.recv_bytes()
            if self._closed:
                job.cancel()
            if job.cancelled():
                self._end_process(kill=True)
                return True, None
            if pipe in ready:
                return pipe.recv()

    def _started(self) -> Connection:
        if self._pipe is None or not self._process.is_alive():
            self._end_process()
            self._pipe, theirs = _CONTEXT.Pipe()
            self._process = _CONTEXT.Process(target=_work, args=(theirs,), name="motrain-helper", daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe

    def _end_process(self, *, kill: bool = False) -> None:
        if self._pipe is not None:
            self._pipe.close()  # which an idle process takes as its end
            self._pipe = None
        if self._process is not None:
            if kill:
                self._process.kill()
            self._process.join(_END_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()
            self._process = None


def _work(pipe: Connection) -> None:
    """Answer jobs until the pipe is closed: what the helper process does."""
    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        try:
            function, arguments = pickle.loads(message)
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, error
        try:
            reply = pickle.dumps(answer)
        except Exception as error:
            reply = pickle.dumps((False, TypeError(f"The answer cannot be sent back ({error}).")))
        try:
            pipe.send_bytes(reply)
        except OSError:  # the app is gone
            return
