"""The progress bar: nothing by default, one line on stderr where it is asked for, and never an error of its own."""

import functools
import io

import pytest
import torch
import tqdm.notebook
from problems import SMALL, picture

from siren_sr import derivatives, fit_signal, solve_poisson, super_resolve
from siren_sr.training.bar import Bar
from siren_sr.training.progress import Entry, Monitor, Progress

IMAGE = picture(8, 10)
GRADIENT = derivatives.image_gradient(IMAGE)
FIT = fit_signal(IMAGE, **SMALL, steps=2)
TASKS = {
    "fit": lambda **more: fit_signal(IMAGE, **SMALL, steps=4, **more),
    "batch": lambda **more: fit_signal(torch.stack([IMAGE, IMAGE]), **SMALL, steps=4, **more),
    "resume": lambda **more: FIT.resume(IMAGE, steps=4, **more),
    "poisson": lambda **more: solve_poisson(gradient=GRADIENT, mean=0.5, **SMALL, steps=4, **more),
    "super": lambda **more: super_resolve(IMAGE, 2, strategy="basic", steps=4, **more),
}


def told(step, steps=10, stage="fit", psnr=20.0):
    return Progress(Entry(step, 0.1, psnr, 0.1 * step, 1e-3), steps, 1.0, stage)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_task_shows_its_progress_where_it_is_asked_for(task, capfd):
    seen = []
    task(callback=lambda progress: seen.append((progress.entry.step, progress.steps)))
    assert capfd.readouterr() == ("", "")
    both = []
    task(callback=lambda progress: both.append((progress.entry.step, progress.steps)), progress=True)
    assert both == seen  # a callback sees the same
    out, err = capfd.readouterr()
    assert out == ""
    last = err.rstrip("\n").rpartition("\r")[2]
    step, steps = seen[-1]
    assert "100%" in last
    assert f" {step}/{steps} " in last
    assert " dB" in last
    assert err.endswith("\n")  # what is printed next begins a line of its own
    task(progress=True)
    assert "100%" in capfd.readouterr().err


def test_the_result_is_the_same():
    assert torch.equal(TASKS["super"](), TASKS["super"](progress=True))
    assert TASKS["fit"](progress=True).made == TASKS["fit"]().made


def test_a_bar_of_a_work_that_was_stopped_is_not_full(capfd):
    TASKS["fit"](progress=True, callback=lambda progress: progress.entry.step == 2)
    assert " 2/4 " in capfd.readouterr().err.rpartition("\r")[2]


def test_a_bar_ends_with_the_error(capfd):
    def fail(progress):
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        TASKS["fit"](progress=True, callback=fail)
    assert capfd.readouterr().err.endswith("\n")


def test_what_is_planned_may_change(capfd):
    bar = Bar()
    for step, steps in ((1, 10), (2, 3), (3, 4)):
        bar(told(step, steps))
    bar.close(complete=True)
    assert " 3/3 " in capfd.readouterr().err.rpartition("\r")[2]  # it ended earlier than planned, and is full


def test_images_of_a_batch_are_counted(capfd):
    TASKS["batch"](progress=True)
    assert "2: fit: 100%" in capfd.readouterr().err


def test_a_resumed_work_begins_where_it_was():
    stream = io.StringIO()
    bar = Bar(stream)
    bar(told(7))
    bar.close()
    assert " 7/10 " in stream.getvalue()


def test_a_broken_screen_does_not_end_the_work():
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError("no screen")

    monitor = Monitor(bar=True)
    monitor._bar = Bar(Broken())
    with monitor:
        monitor.plan("fit", 3)
        assert [monitor.step() for _ in range(3)] == [False] * 3


def test_widgets_learn_of_a_new_total(monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr("tqdm.auto.tqdm", functools.partial(tqdm.notebook.tqdm, display=False))
    bar = Bar()
    bar(told(1, 10))
    bar(told(2, 25))
    assert not bar._failed
    assert (bar._bar.container.children[1].max, bar._bar.n) == (25, 2)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_it_is_asked_for_by_true(task):
    with pytest.raises(TypeError, match="progress must be True or False, got 'yes'"):
        task(progress="yes")
