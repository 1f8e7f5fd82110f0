"""However the command is ended, no result is lost, nothing half-written stays, and one line says what happened."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import siren_sr
from siren_sr import Fit, super_resolve
from siren_sr.cli import interruption, main, progress

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")

ENDS = [
    pytest.param(signal.SIGINT, 130, "interrupted", id="SIGINT"),
    pytest.param(signal.SIGTERM, 143, "ended by SIGTERM", id="SIGTERM"),
    pytest.param(signal.SIGHUP, 129, "ended by SIGHUP", id="SIGHUP"),
]
QUICK = ("--scale", "2", "--steps", "4", "--strategy", "basic", "--quiet")
SMALL = ("--hidden-features", "8", "--hidden-layers", "1", "--quiet")


@pytest.fixture(autouse=True)
def _handlers_are_given_back(_signals_are_heard):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


def call(*arguments):
    hook = sys.unraisablehook  # a fixture may see another one, since pytest sets its own
    code = main([str(a) for a in arguments])
    assert sys.unraisablehook == hook
    return code


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class Before:
    """Stands for a function of a module, and sends signals before its nth call."""

    def __init__(self, monkeypatch, module, name, *signals, nth=1):
        self._function, self._signals, self._nth, self.calls = getattr(module, name), signals, nth, 0
        monkeypatch.setattr(module, name, self)

    def __call__(self, *arguments, **more):
        self.calls += 1
        if self.calls == self._nth:
            for number in self._signals:
                signal.raise_signal(number)
        return self._function(*arguments, **more)


def send_at_step(monkeypatch, nth, *signals):
    """Send signals when a training tells of its nth step."""
    told = progress.Training.__call__
    steps = []

    def tell(self, state):
        steps.append(state)
        if len(steps) == nth:
            for number in signals:
                signal.raise_signal(number)
        return told(self, state)

    monkeypatch.setattr(progress.Training, "__call__", tell)


# ---- one signal


@pytest.mark.parametrize(("number", "code", "text"), ENDS)
def test_a_result_that_is_being_written_is_written(number, code, text, photo, tmp_path, monkeypatch, capsys):
    Before(monkeypatch, os, "fsync", number)
    assert call("fit", photo, tmp_path / "a.safetensors", *SMALL, "--steps", "2") == code
    out, err = capsys.readouterr()
    assert f"{tmp_path / 'a.safetensors'}: " in out
    assert err == f"siren-sr: {text} when the work was done: nothing is missing\n"
    assert not Fit.load(tmp_path / "a.safetensors").stopped
    Before(monkeypatch, os, "fsync", number)
    assert call("super-resolve", photo, tmp_path / "a.png", *QUICK) == code
    np.testing.assert_array_equal(Image.open(tmp_path / "a.png"), super_resolve(photo, 2, steps=4, strategy="basic"))
    Before(monkeypatch, os, "fsync", number)
    assert call("render", tmp_path / "a.safetensors", tmp_path / "b.png") == code
    assert names(tmp_path) == ["a.png", "a.safetensors", "b.png", "photo.png"]


@pytest.mark.parametrize(("number", "code", "text"), ENDS)
def test_a_training_ends_after_the_step(number, code, text, photo, tmp_path, monkeypatch, capsys):
    send_at_step(monkeypatch, 3, number)
    assert call("fit", photo, tmp_path / "a.safetensors", *SMALL, "--steps", "900") == code
    fit = Fit.load(tmp_path / "a.safetensors")
    assert fit.stopped
    assert len(fit.history) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"siren-sr: {text} at step 3 of 900, PSNR ")
    assert err.endswith(f" dB; the network reached so far is in {tmp_path / 'a.safetensors'}\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["super-resolve", "poisson"])
def test_an_unfinished_image_is_not_written_and_a_finished_one_is(command, photo, tmp_path, monkeypatch, capsys):
    options = QUICK if command == "super-resolve" else ("--steps", "4", "--quiet")
    assert call(command, photo, tmp_path / "whole.png", *options) == 0
    for nth, written in ((2, False), (4, True)):
        with monkeypatch.context() as patch:
            send_at_step(patch, nth, signal.SIGTERM)
            assert call(command, photo, tmp_path / "a.png", *options) == 143
        text = "when the work was done: nothing is missing" if written else f"at step {nth} of 4"
        err = capsys.readouterr().err
        assert err.startswith(f"siren-sr: ended by SIGTERM {text}")
        assert err.count("\n") == 1
        assert (tmp_path / "a.png").exists() == written
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "whole.png").read_bytes()


@pytest.mark.parametrize(("number", "code", "text"), ENDS)
def test_before_the_first_step_a_signal_ends_the_command_at_once(
    number, code, text, photo, tmp_path, monkeypatch, capsys
):
    Before(monkeypatch, interruption.INTERRUPTION, "keep", number)
    assert call("super-resolve", photo, tmp_path / "a.png", *QUICK) == code
    assert capsys.readouterr().err == f"siren-sr: {text}; nothing was written\n"
    assert names(tmp_path) == ["photo.png"]


def test_a_signal_that_is_ignored_stays_ignored(photo, tmp_path, monkeypatch):
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        send_at_step(monkeypatch, 2, signal.SIGHUP)
        assert call("fit", photo, tmp_path / "a.safetensors", *SMALL, "--steps", "5") == 0
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert len(Fit.load(tmp_path / "a.safetensors").history) == 5


# ---- several signals


def test_what_is_sent_to_the_process_and_to_its_group_is_one_signal(photo, tmp_path, monkeypatch):
    send_at_step(monkeypatch, 2, signal.SIGTERM, signal.SIGTERM, signal.SIGHUP)  # as timeout and terminals do
    assert call("fit", photo, tmp_path / "a.safetensors", *SMALL, "--steps", "900") == 143
    assert Fit.load(tmp_path / "a.safetensors").stopped


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod"])
def test_a_second_signal_ends_at_once_and_leaves_nothing_half_written(function, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(interruption, "TWICE", 0)
    out = tmp_path / "a.safetensors"
    out.write_bytes(b"precious")
    Before(monkeypatch, os, function, signal.SIGINT, signal.SIGTERM, signal.SIGTERM, signal.SIGTERM)
    assert call("fit", photo, out, *SMALL, "--steps", "2") == 130
    assert capsys.readouterr().err == f"siren-sr: interrupted; {out} is complete or as it was before\n"
    assert out.read_bytes() == b"precious"
    assert names(tmp_path) == ["a.safetensors", "photo.png"]


def test_a_second_signal_in_a_training(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(interruption, "TWICE", 0)
    send_at_step(monkeypatch, 2, signal.SIGINT, signal.SIGINT)
    assert call("fit", photo, tmp_path / "a.safetensors", *SMALL, "--steps", "900") == 130
    assert capsys.readouterr().err == "siren-sr: interrupted; nothing was written\n"
    assert names(tmp_path) == ["photo.png"]


def test_nobody_can_hold_the_end_back(photo, tmp_path, monkeypatch, capsys):
    (tmp_path / "stubborn.py").write_text(
        "import signal\n\n\ndef upscale(x):\n    try:\n        signal.raise_signal(signal.SIGTERM)\n"
        "    except BaseException:\n        pass\n    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)\n"
    )
    monkeypatch.chdir(tmp_path)
    options = ("--scale", "2", "--prior", "stubborn:upscale", "--quiet")
    assert call("super-resolve", photo, tmp_path / "a.png", *options) == 143
    assert capsys.readouterr().err == "siren-sr: ended by SIGTERM; nothing was written\n"
    assert not (tmp_path / "a.png").exists()


class Destroyed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_a_signal_in_a_destructor(photo, tmp_path, monkeypatch, capsys):
    def read(path):
        held = Destroyed()
        del held
        gc.collect()
        time.sleep(5)
        raise AssertionError("the signal was lost")

    monkeypatch.setattr(siren_sr.io, "read_image", read)
    assert call("super-resolve", photo, tmp_path / "a.png", *QUICK) == 130
    assert capsys.readouterr().err == "siren-sr: interrupted; nothing was written\n"


# ---- as a process

IMPORTING = """
import signal, sys

class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.{signal})

sys.meta_path.insert(0, Sender())
from siren_sr.cli import main
sys.argv = ["siren-sr", "omega", "none.png"]
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("name", "code", "text"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "ended by SIGTERM")]
)
def test_a_signal_while_pytorch_is_imported(name, code, text):
    environment = {**os.environ, "PYTHONPATH": str(Path(siren_sr.__file__).parents[1])}
    source = IMPORTING.format(module="torch", signal=name)
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=environment, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", f"siren-sr: {text}; nothing was written\n")
