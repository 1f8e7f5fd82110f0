"""Two pieces of work side by side: the same bits, the user's callback where the user is, and nothing left behind."""

import signal
import threading
import time

import pytest
import torch
from problems import picture
from searching import low

from siren_sr import super_resolve
from siren_sr.superres.learned import photographs
from siren_sr.superres.learned.beside import beside
from siren_sr.training.progress import Monitor


@pytest.fixture(autouse=True)
def _two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)


def test_any_number_of_threads_gives_the_same_bits_and_tells_the_same_steps(monkeypatch):
    for quality in ("standard", "best"):
        effort = photographs.EFFORTS[quality]
        monkeypatch.setitem(photographs.EFFORTS, quality, photographs.Effort(4, updates=4, staged=effort.staged))
    lr = low(picture(96, 96), (32, 32))
    for quality in ("fast", "standard", "best"):
        found, told = [], []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            seen = []

            def see(progress, seen=seen):
                assert threading.current_thread() is threading.main_thread()
                seen.append((progress.entry.step, progress.steps))

            found.append(super_resolve(lr, 3, quality=quality, callback=see))
            told.append(seen)
            assert torch.get_num_threads() == threads
        assert torch.equal(found[0], found[1])
        torch.testing.assert_close(found[2], found[0], rtol=0, atol=1e-2)  # two threads each, which may round otherwise
        assert told[0] == told[1] == told[2] == [(i + 1, len(told[0])) for i in range(len(told[0]))]
    torch.set_num_threads(2)


def test_what_the_other_raises_is_raised_here():
    def fail(steps):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), beside(fail, Monitor()) as wait:
        wait()


def test_a_failure_here_ends_the_other():
    ended, before = [], threading.active_count()

    def work(steps):
        while not steps.step():
            time.sleep(0.001)
        ended.append(steps.stopped)

    with pytest.raises(RuntimeError, match="here"), beside(work, Monitor()):
        raise RuntimeError("here")
    assert ended == [True]
    assert threading.active_count() == before


def test_steps_are_told_when_the_result_is_asked_for_and_a_wish_to_stop_reaches_the_other():
    told = []
    monitor = Monitor(lambda progress: told.append(progress.entry.step) or len(told) == 3)

    def work(steps):
        count = 0
        while not steps.step():
            count += 1
            time.sleep(0.001)
        return count

    with beside(work, monitor) as wait:
        time.sleep(0.05)
        assert not told
        assert wait() >= 3
    assert told == [1, 2, 3]
    assert monitor.stopped


@pytest.fixture
def _ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_ctrl_c_while_waiting_ends_the_work_with_what_there_is():
    main = threading.main_thread().ident
    monitor = Monitor()

    def work(steps):
        assert threading.get_ident() != main
        time.sleep(0.2)  # until the other thread waits
        signal.raise_signal(signal.SIGINT)
        until = time.monotonic() + 20
        while not steps.stopped and time.monotonic() < until:
            time.sleep(0.001)
        return "what there is"

    with beside(work, monitor) as wait:
        assert wait() == "what there is"
    assert monitor.stopped
    assert monitor.interruption is not None
