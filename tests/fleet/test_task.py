import functools
import json
import os
import sys
from pathlib import Path

import errands
import numpy as np
import pytest
from errands import files, make, numbered, statuses

from siren_sr import fleet, io, super_resolve

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def test_a_run_and_another_one(tmp_path):
    names = ["x.png", "a/x.png", "a/b/y.tif"]
    make(tmp_path / "in", *names)
    Path(tmp_path, "in/a/bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    seen, out, told = [], tmp_path / "out", tmp_path / "report.json"
    first = functools.partial(fleet.run, "super_resolve", tmp_path / "in", out, scale=1.5, workers=2, report=told)
    report = first(callback=lambda progress: seen.append(progress))
    by_name = {os.path.relpath(result.input, tmp_path / "in"): result for result in report.results}
    assert {name: result.status for name, result in by_name.items()} == {
        **dict.fromkeys(names, "done"), "a/bad.png": "failed"
    }  # fmt: skip
    assert "a/bad.png is not a readable image: the file is cut off" in by_name["a/bad.png"].error
    assert by_name["x.png"].notes[0].startswith('details come from prior="photographs"')
    assert str(report) == "4 images: 3 done, 1 failed"
    assert [progress.finished for progress in seen] == [0, 1, 2, 3, 4]
    assert {progress.result for progress in seen[1:]} == set(report.results)
    assert files(out) == sorted(names)  # and nothing else
    for name in names:
        expected = super_resolve(tmp_path / "in" / name, 1.5)
        np.testing.assert_array_equal(io.read_image(out / name).pixels, np.asarray(expected))
    written = json.loads(told.read_text())
    assert written["totals"] == {"done": 3, "skipped": 0, "failed": 1, "left": 0}
    assert [result["output"] for result in written["results"]] == [result.output for result in report.results]

    # What failed is tried again, what was changed is made again, and the rest stays.
    make(tmp_path / "in", "a/bad.png")
    later = Path(out, "x.png").stat().st_mtime + 10
    os.utime(tmp_path / "in/x.png", (later, later))
    before = {name: Path(out, name).stat().st_mtime_ns for name in names}
    report = first()
    assert {r.input: r.status for r in report.results if r.status == "done"}.keys() == {
        str(tmp_path / "in/x.png"), str(tmp_path / "in/a/bad.png")
    }  # fmt: skip
    after = {name: Path(out, name).stat().st_mtime_ns for name in names}
    assert [name for name in names if before[name] != after[name]] == ["x.png"]


def test_finished_images_need_no_worker_and_are_overwritten_on_demand(tmp_path):
    make(tmp_path / "in", *numbered(2))
    make(tmp_path / "out", *numbered(2))
    report = fleet.run("super_resolve", tmp_path / "in", tmp_path / "out")
    assert (str(report), report.workers) == ("2 images: 0 done, 2 skipped", 0)
    os.chmod(tmp_path / "out/0.png", 0o640)
    report = fleet.run(errands.doubled, tmp_path / "in", tmp_path / "out", overwrite=True, workers=1)
    assert str(report) == "2 images: 2 done"
    assert io.read_image(tmp_path / "out/0.png").pixels.shape == (24, 24, 3)
    assert Path(tmp_path, "out/0.png").stat().st_mode & 0o777 == 0o640


def test_a_killed_worker_is_replaced_and_its_image_done_once_more(tmp_path):
    make(tmp_path / "in", *numbered(6))
    task = functools.partial(errands.dying, folder=str(tmp_path), once=1, always=4)
    report = fleet.run(task, tmp_path / "in", tmp_path / "out", workers=2)
    assert statuses(report) == ["done"] * 4 + ["failed", "done"]
    assert [result.attempts for result in report.results] == [1, 2, 1, 1, 2, 1]
    assert "its worker died, 2 of 2 times: SIGKILL" in report.results[4].error
    assert files(tmp_path / "out") == ["0.png", "1.png", "2.png", "3.png", "5.png"]
    done, workers, threads = zip(
        *(line.split() for line in Path(tmp_path, "log").read_text().splitlines()), strict=True
    )
    assert sorted(done) == ["0", "1", "2", "3", "5"]  # each once
    assert str(os.getpid()) not in workers
    assert set(threads) == {"1"}


def test_whatever_an_image_raises_the_others_go_on(tmp_path):
    make(tmp_path / "in", *numbered(7))
    Path(tmp_path, "out/6.png").mkdir(parents=True)  # an output that cannot be written
    report = fleet.run(errands.failing, tmp_path / "in", tmp_path / "out", workers=1, memory=3 * 2**30)
    errors = [result.error for result in report.results]
    assert errors[0] is None
    assert errors[1:3] == ["SystemExit: 3", "KeyError: 'two\\nlines'"]
    if sys.platform == "linux":
        assert all("not enough memory" in error for error in errors[3:5])
    assert "(H, W) or (H, W, C)" in errors[5]
    assert "it is a folder" in errors[6]


def test_the_callback_can_end_the_work(tmp_path):
    make(tmp_path / "in", *numbered(5))
    report = fleet.run(
        errands.slow, tmp_path / "in", tmp_path / "out", workers=1, callback=lambda progress: progress.finished == 3
    )
    assert statuses(report) == ["done"] * 3 + ["left"] * 2
    assert report.stopped
    assert files(tmp_path / "out") == ["0.png", "1.png", "2.png"]


def test_an_interrupt_keeps_what_is_finished_and_tells_it(tmp_path):
    make(tmp_path / "in", *numbered(5))

    def interrupt(progress):
        if progress.finished == 3:
            raise KeyboardInterrupt

    with pytest.raises(fleet.Interrupted) as caught:
        fleet.run(errands.slow, tmp_path / "in", tmp_path / "out", workers=1, callback=interrupt, report=tmp_path / "r")
    assert statuses(caught.value.report) == ["done"] * 3 + ["left"] * 2
    assert isinstance(caught.value, KeyboardInterrupt)
    assert json.loads(Path(tmp_path, "r").read_text())["stopped"]
    assert files(tmp_path / "out") == ["0.png", "1.png", "2.png"]


def test_what_cannot_work_is_refused_before_the_work(tmp_path, monkeypatch):
    make(tmp_path / "in", "0.png")
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    call = functools.partial(fleet.run, "super_resolve", tmp_path / "in", tmp_path / "out")
    for options, kind, text in (
        ({"scales": 2}, TypeError, "scales"),
        ({"quality": "better"}, ValueError, "quality='better' is unknown"),
        ({"return_fit": True}, ValueError, "return_fit= is not for many images"),
        ({"prior": lambda x: x}, TypeError, "cannot be sent to a process"),
        ({"workers": 0}, ValueError, "workers must be >= 1"),
        ({"backend": "dask"}, ValueError, "backend='dask' is unknown"),
        ({"address": "auto"}, ValueError, 'give backend="ray" too'),
        ({"backend": "ray", "memory": 2**30}, ValueError, "Ray limits the memory of its workers itself"),
        ({"backend": "ray"}, ImportError, r'needs Ray: pip install "siren-sr\[ray\]"'),
        ({"report": tmp_path / "none" / "r.json"}, OSError, "there is no folder"),
    ):
        with pytest.raises(kind, match=text):
            call(**options)
    with pytest.raises(ValueError, match="task='fit' is unknown"):
        fleet.run("fit", tmp_path / "in", tmp_path / "out")
    with pytest.raises(TypeError, match=r"scale: a task of your own takes no options here"):
        fleet.run(errands.doubled, tmp_path / "in", tmp_path / "out", scale=2)
    assert not Path(tmp_path, "out").exists() or files(tmp_path / "out") == []


def test_a_script_without_a_guard_is_told_what_is_missing(tmp_path):
    import subprocess

    make(tmp_path / "in", "0.png")
    script = Path(tmp_path, "script.py")
    script.write_text(
        f"from siren_sr import fleet\nfleet.run('super_resolve', {str(tmp_path / 'in')!r}, 'out', workers=1)"
    )
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert result.returncode == 1
    assert "RuntimeError: a worker process could not start (exit code 1)" in result.stderr
    assert 'if __name__ == "__main__":' in result.stderr
