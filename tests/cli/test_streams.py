"""Progress and messages never fail or hold up the work, and a result that cannot be written is an error."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import BROKEN, CLOSED, UNREAD, Commands

import siren_sr
from siren_sr import Fit, io
from siren_sr.cli import screen

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
SMALL = ("--hidden-features", "8", "--hidden-layers", "1", "--steps", "60", "--omega", "30")


@pytest.fixture(scope="module")
def commands():
    with Commands() as found:
        yield found


def test_no_stream_can_fail_the_work(photo, tmp_path, commands):
    for i, stream in enumerate((CLOSED, "/dev/full", UNREAD, UNREAD, BROKEN)):
        out = tmp_path / f"{i}.safetensors"
        process = commands.start("fit", photo, out, *SMALL, out=stream, err=stream, unbuffered=i == 2)
        assert commands.wait(process) == 0, stream
        assert len(Fit.load(out).history) == 60
    assert len(list(tmp_path.iterdir())) == 6


def test_a_picture_is_not_mixed_with_what_is_told_on_a_closed_stream(photo, tmp_path, commands):
    out = tmp_path / "out.png"
    quick = ("--scale", "2", "--quality", "fast")
    assert commands.wait(commands.start("super-resolve", photo, out, *quick, out=CLOSED, err=CLOSED)) == 0
    assert io.read_image(out).pixels.shape == (20, 24, 3)


@pytest.mark.parametrize(
    ("arguments", "stream", "text"),
    [
        (["omega", "photo.png"], "/dev/full", "cannot write to the standard output: No space left on device"),
        (["omega", "photo.png"], BROKEN, "cannot write to the standard output: Broken pipe"),
        (["omega", "photo.png"], CLOSED, "cannot write to the standard output: it is closed"),
        (["--help"], "/dev/full", "not everything could be written to the standard output"),
    ],
)
def test_a_result_that_cannot_be_written(arguments, stream, text, photo, tmp_path, commands):
    arguments = [photo if a == "photo.png" else a for a in arguments]
    assert commands.wait(commands.start(*arguments, out=stream, err=tmp_path / "err")) == 1
    assert (tmp_path / "err").read_text() == f"siren-sr: error: {text}\n"


@pytest.mark.parametrize(("arguments", "code"), [(["omega", "none.png"], 1), (["omega"], 2)])
def test_the_exit_code_is_right_where_nobody_can_read_why(arguments, code, commands):
    processes = [commands.start(*arguments, err=stream) for stream in (CLOSED, "/dev/full", UNREAD, BROKEN)]
    assert [commands.wait(process) for process in processes] == [code] * 4


def test_a_process_without_streams(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(siren_sr.__file__).parents[1])}
    command = f"'{sys.executable}' -m siren_sr.cli omega none.png <&- >&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=tmp_path, env=environment, timeout=120).returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_messages_are_never_waited_for_for_long():
    read, write = os.pipe()
    os.set_blocking(write, False)
    while select.select([], [write], [], 0)[1]:
        os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    with os.fdopen(write, "w") as stream:
        begun = time.monotonic()
        for _ in range(1000):
            screen.tell("one more frame", stream, passing=True)
        screen.tell("the last line\n", stream)
        screen.drain(0.1)
        assert time.monotonic() - begun < 5
        seen = b""
        while b"the last line\n" not in seen:  # once somebody reads, it comes
            seen += os.read(read, 4096)
        assert seen.count(b"one more frame") <= 20
    os.close(read)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\t and  blanks", "two lines and blanks"),
        ("caf\udce9.png", r"caf\xe9.png"),
        ("\x1b[31mred\x07\u202e", r"\x1b[31mred\x07\u202e"),
        ("ω0 größer 数", "ω0 größer 数"),
    ],
)
def test_one_line(text, shown):
    assert screen.one_line(text) == shown


def test_a_terminal_without_greek(tmp_path):
    path = tmp_path / "out.txt"
    with open(path, "w", encoding="ascii") as stream:
        screen.tell("ω0 \udce9\n", stream)
        screen.drain()
    assert path.read_text() == "?0 ?\n"
