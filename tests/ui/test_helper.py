"""The helper process does what a page asks for, and can be called off at any moment."""

import asyncio
import operator
import os
import signal
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from motrain_app.design import DesignError
from motrain_app.runs import RunError
from motrain_app.ui.helper import Helper
from tests.ui.serving import wait_until


@pytest.fixture
def helper():
    """A helper that is closed after the test."""
    helper = Helper()
    yield helper
    helper.close()


def answer_of(question):
    return f"{question}!", os.getpid()


def refuse():
    raise DesignError(["One reason.", "Another."])


def begin_and_wait(folder):
    """Leave a sign with the number of the process, and take for ever."""
    (Path(folder) / "begun.new").write_text(str(os.getpid()))
    os.rename(Path(folder) / "begun.new", Path(folder) / "begun")
    time.sleep(600)


def make_lock():
    return threading.Lock()


def begun(folder):
    """Wait until a job has begun, and return the number of its process."""
    wait_until((folder / "begun").exists)
    return int((folder / "begun").read_text())


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_jobs_are_done_one_after_the_other_in_one_other_process(helper):
    jobs = [helper.submit(answer_of, number) for number in range(5)]
    words, pids = zip(*(job.result(60) for job in jobs), strict=True)
    assert words == ("0!", "1!", "2!", "3!", "4!")
    assert len(set(pids)) == 1
    assert os.getpid() not in pids


def test_what_a_job_raises_arrives_whole(helper):
    with pytest.raises(DesignError) as caught:
        helper.submit(refuse).result(60)
    assert caught.value.reasons == ("One reason.", "Another.")
    assert helper.submit(operator.add, 1, 2).result(60) == 3


def test_what_cannot_be_sent_is_told(helper):
    with pytest.raises(Exception, match="pickle"):
        helper.submit(lambda: 1).result(60)
    with pytest.raises(TypeError, match="cannot be sent back"):
        helper.submit(make_lock).result(60)
    assert helper.submit(operator.add, 1, 2).result(60) == 3


def test_a_running_job_is_called_off_with_its_process_and_the_next_is_done(helper, tmp_path):
    job = helper.submit(begin_and_wait, tmp_path)
    after = helper.submit(operator.add, 1, 2)
    pid = begun(tmp_path)
    assert job.cancel()
    assert after.result(60) == 3
    assert job.cancelled()
    wait_until(lambda: not is_alive(pid))


def test_a_waiting_job_is_called_off_and_does_not_disturb_the_running_one(helper, tmp_path):
    running = helper.submit(begin_and_wait, tmp_path)
    waiting = helper.submit(answer_of, "late")
    pid = begun(tmp_path)
    assert waiting.cancel()
    time.sleep(0.2)
    assert is_alive(pid)
    running.cancel()


def test_a_process_that_dies_is_told_and_replaced(helper, tmp_path):
    job = helper.submit(begin_and_wait, tmp_path)
    os.kill(begun(tmp_path), signal.SIGKILL)
    with pytest.raises(RunError, match="helper process died"):
        job.result(60)
    assert helper.submit(operator.add, 1, 2).result(60) == 3


def test_who_cancels_the_waiting_page_cancels_the_job(helper, tmp_path):
    outcome = []

    async def page():
        job = helper.submit(begin_and_wait, tmp_path)
        task = asyncio.ensure_future(asyncio.wrap_future(job))
        await asyncio.to_thread(begun, tmp_path)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        outcome.append(await asyncio.wrap_future(helper.submit(operator.add, 1, 2)))
        outcome.append(job.cancelled())

    thread = threading.Thread(target=asyncio.run, args=(page(),))  # playwright may have a loop in this one
    thread.start()
    thread.join(60)
    assert outcome == [3, True]


def test_closing_calls_off_everything_and_leaves_no_process(tmp_path):
    helper = Helper()
    running, waiting = helper.submit(begin_and_wait, tmp_path), helper.submit(operator.add, 1, 2)
    pid = begun(tmp_path)
    helper.close()
    helper.close()
    assert not is_alive(pid)
    for job in (running, waiting):
        with pytest.raises(CancelledError):
            job.result(0)
    with pytest.raises(RunError, match="ending"):
        helper.submit(operator.add, 1, 2)


def test_a_helper_that_was_never_asked_costs_nothing():
    before = threading.active_count()
    helper = Helper()
    assert threading.active_count() == before
    helper.close()
