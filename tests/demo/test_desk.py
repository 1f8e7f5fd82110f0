"""Work in threads: it tells how far it is, ends when it is asked to, and keeps its place until then."""

import threading
import time

import pytest

from siren_sr.demo.desk import Desk, HaltedError
from siren_sr.demo.limits import Limits
from siren_sr.training.progress import Entry, Progress


def progress(step, steps=1000):
    return Progress(Entry(step, 0.1, 20.0, 0.0, 0.0), steps, 5.0, "prior")


def endless(job):
    """Work of many short steps, which returns how many it did."""
    for step in range(1, 1000):
        time.sleep(0.005)
        if job.callback(progress(step)):
            return step
    return 1000


def last(reports):
    *_, report = reports
    return report


def test_a_job_tells_its_steps_and_returns_its_result(tmp_path):
    told, go_on = threading.Event(), threading.Event()

    def work(job):
        job.callback(progress(250))
        told.set()
        assert go_on.wait(10)
        return 7

    reports = Desk(tmp_path, Limits()).run("me", "tab", work)
    texts = []
    for report in reports:
        texts.append(report.text)
        if told.is_set() and "step 250" in report.text:
            assert report.fraction == 0.25
            go_on.set()
    assert "prior: step 250 of 1000, 20.0 dB, about 5 s left" in texts
    assert (report.result, report.ended, report.fraction) == (7, True, 1.0)


def test_what_work_raises_is_raised_for_the_visitor(tmp_path):
    def work(job):
        raise OSError("broken")

    with pytest.raises(OSError, match=r"^broken$"):
        last(Desk(tmp_path, Limits()).run("me", "tab", work))


def test_time_that_is_used_up_ends_the_work_with_what_was_reached(tmp_path):
    jobs = []

    def work(job):
        jobs.append(job)
        return endless(job)

    report = last(Desk(tmp_path, Limits(seconds=0.05)).run("me", "tab", work))
    assert 1 <= report.result < 1000
    assert jobs[0].late


def test_halted_work_has_no_result_and_frees_its_place(tmp_path):
    desk, ended = Desk(tmp_path, Limits(jobs=1)), threading.Event()

    def work(job):
        endless(job)
        ended.set()

    reports = desk.run("me", "tab", work)
    next(reports)
    desk.halt("somebody else")
    next(reports)
    desk.halt("me")
    with pytest.raises(HaltedError):
        last(reports)
    assert ended.wait(5)
    assert last(desk.run("you", "tab", lambda job: "done")).result == "done"


def test_no_more_jobs_run_at_once_than_there_are_places(tmp_path):
    desk, go_on = Desk(tmp_path, Limits(jobs=1)), threading.Event()
    first = desk.run("me", "tab", lambda job: go_on.wait(10))
    next(first)
    second = desk.run("you", "tab", lambda job: "second")
    assert "Waiting" in next(second).text
    go_on.set()
    assert last(first).result is True
    assert last(second).result == "second"


def test_an_iterator_that_is_given_up_halts_the_work(tmp_path):
    desk, jobs = Desk(tmp_path, Limits()), []

    def work(job):
        jobs.append(job)
        return endless(job)

    reports = desk.run("me", "tab", work)
    next(reports)
    next(reports)
    reports.close()
    assert jobs[0].halted


def test_files_are_there_with_the_last_report_and_gone_afterwards(tmp_path):
    def work(job):
        (job.folder / "file").write_text("result")
        return job.folder / "file"

    reports = Desk(tmp_path, Limits()).run("../me", "tab", work)  # a name that the browser made up leads nowhere
    report = next(reports)
    while not report.ended:
        report = next(reports)
    assert report.result.read_text() == "result"
    assert report.result.parents[1] == tmp_path
    assert next(reports, None) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "text"), [({"upload": 0}, "upload must be"), ({"seconds": -1}, "seconds must be"), ({"jobs": 0}, "jobs")]
)
def test_limits_are_checked(given, text):
    with pytest.raises(ValueError, match=text):
        Limits(**given)
