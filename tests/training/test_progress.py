"""The monitor: what it counts, what it tells the callback, and that a wish to stop is heard once and for all."""

import math

import pytest

from siren_sr.training import progress
from siren_sr.training.progress import Entry, Monitor


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_every_step_is_counted_and_told():
    seen = []
    monitor = Monitor(seen.append)
    monitor.plan("search", 3)
    assert [monitor.step() for _ in range(2)] == [False, False]
    assert [(p.entry.step, p.steps, p.stage) for p in seen] == [(1, 3, "search"), (2, 3, "search")]
    assert (monitor.done, monitor.steps, monitor.stage, monitor.stopped) == (2, 3, "search", False)
    assert math.isnan(seen[0].entry.loss)  # nothing was said of it


def test_without_a_callback_steps_are_only_counted():
    monitor = Monitor()
    monitor.plan("search", 5)
    assert [monitor.step() for _ in range(5)] == [False] * 5
    assert (monitor.done, monitor.steps, monitor.stopped) == (5, 5, False)


def test_a_plan_replaces_the_one_before_and_what_is_entered_may_be_part_of_it():
    monitor = Monitor()
    monitor.plan("search", 10)
    for _ in range(4):
        monitor.step()
    monitor.enter("inner", 3)  # steps 5 to 7 of 10
    assert (monitor.steps, monitor.stage) == (10, "inner")
    monitor.enter("longer", 9)  # more than were left
    assert (monitor.steps, monitor.stage) == (13, "longer")
    monitor.plan("rest", 2)
    assert (monitor.steps, monitor.stage) == (6, "rest")


@pytest.mark.parametrize("yes", [True, 1, "enough"])
def test_once_stopped_the_callback_is_not_asked_again(yes):
    asked = []

    def callback(told):
        asked.append(told.entry.step)
        return yes if told.entry.step == 2 else None

    monitor = Monitor(callback)
    monitor.plan("search", 9)
    assert [monitor.step() for _ in range(4)] == [False, True, True, True]
    assert asked == [1, 2]
    assert monitor.stopped
    assert monitor.done == 4


def test_restarting_counts_from_zero_and_keeps_the_wish_to_stop(clock):
    asked = []
    monitor = Monitor(lambda told: asked.append(told.entry.step) or len(asked) == 3)
    for wish in (False, True):
        monitor.plan("search", 4)
        clock.now += 2
        assert monitor.step() is False
        if not wish:
            monitor.restart()
            assert (monitor.done, monitor.steps, monitor.stage, monitor.seconds) == (0, 0, "", 0.0)
    assert monitor.step() is True
    monitor.restart()
    assert monitor.step() is True
    assert (monitor.done, monitor.stopped) == (1, True)
    assert asked == [1, 1, 2]


def test_the_remaining_time_is_that_of_steps_as_long_as_those_made(clock):
    seen = []
    monitor = Monitor(seen.append)
    assert monitor.seconds == 0
    monitor.plan("search", 4)
    for seconds in (2, 1):
        clock.now += seconds
        monitor.step()
    monitor.enter("fit", 8)
    clock.now += 3
    monitor.step()
    assert monitor.seconds == 6
    assert [p.entry.seconds for p in seen] == [2, 3, 6]
    assert [p.remaining for p in seen] == [2 / 1 * 3, 3 / 2 * 2, 6 / 3 * 7]


def test_an_entry_is_told_with_its_place_in_the_whole_task():
    seen = []
    monitor = Monitor(seen.append)
    monitor.plan("search", 2)
    monitor.step()
    monitor.step(Entry(step=7, loss=0.5, psnr=30.0, seconds=2.0, lr=1e-3, stage=1), since=10.0)
    assert seen[-1].entry == Entry(step=2, loss=0.5, psnr=30.0, seconds=12.0, lr=1e-3, stage=1)
