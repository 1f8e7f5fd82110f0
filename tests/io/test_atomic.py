"""What is kept of a file that is replaced, and what killed processes leave behind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import pytest
from alone import IO_ALONE

from siren_sr import io
from siren_sr.io import leftovers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, owners and links")


def write(path, content=b"new"):
    io.atomic_write(path, lambda stream: stream.write(content))


@pytest.fixture
def folder(tmp_path):
    leftovers._swept.clear()
    return tmp_path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_the_mode_of_a_replaced_file_is_kept(folder, mode):
    (folder / "a.bin").write_bytes(b"old")
    (folder / "a.bin").chmod(mode)
    write(folder / "a.bin")
    assert (folder / "a.bin").read_bytes() == b"new"
    assert stat.S_IMODE((folder / "a.bin").stat().st_mode) == mode


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_follows_the_umask(folder, umask):
    before = os.umask(umask)
    try:
        write(folder / "a.bin")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "a.bin").stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_a_replaced_file_is_kept(folder):
    (folder / "a.bin").write_bytes(b"old")
    os.chown(folder / "a.bin", 12345, 23456)
    (folder / "a.bin").chmod(0o4755)
    write(folder / "a.bin")
    found = (folder / "a.bin").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 23456, 0o4755)


def test_where_the_owner_cannot_be_kept_the_file_is_still_replaced(folder, monkeypatch):
    (folder / "a.bin").write_bytes(b"old")
    (folder / "a.bin").chmod(0o4751)

    def refuse(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(io.atomic.os, "chown", refuse)
    write(folder / "a.bin")
    assert (folder / "a.bin").read_bytes() == b"new"
    assert stat.S_IMODE((folder / "a.bin").stat().st_mode) == 0o751  # it does not run as somebody else


def test_links_stay_links_through_several_steps(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "real.bin").write_bytes(b"old")
    (folder / "middle").symlink_to(folder / "deep")
    (folder / "a.bin").symlink_to(os.path.join("middle", "real.bin"))
    write(folder / "a.bin")
    assert (folder / "a.bin").is_symlink()
    assert (folder / "middle").is_symlink()
    assert (folder / "deep" / "real.bin").read_bytes() == b"new"
    assert not (folder / "deep" / "real.bin").is_symlink()
    assert sorted(path.name for path in folder.iterdir()) == ["a.bin", "deep", "middle"]


def test_a_link_that_leads_to_itself_is_refused(folder):
    (folder / "a.bin").symlink_to("a.bin")
    for attempt in (write, io.check_folder):
        with pytest.raises(OSError, match="choose another name"):
            attempt(folder / "a.bin")


# ------------------------------------------------------------------------------------------ what killed runs leave


KILLED = (
    IO_ALONE
    + """
import os, signal, sys
def write(stream):
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
io.atomic_write(sys.argv[1], write)
"""
)


def test_what_a_killed_process_left_is_swept_by_the_next_write(folder):
    (folder / "a.bin").write_bytes(b"old")
    subprocess.run([sys.executable, "-c", KILLED, str(folder / "a.bin")], check=False)
    left = [path.name for path in folder.iterdir() if path.name != "a.bin"]
    assert len(left) == 1
    assert leftovers._PATTERN.fullmatch(left[0])
    assert (folder / "a.bin").read_bytes() == b"old"
    write(folder / "b.bin")
    assert sorted(path.name for path in folder.iterdir()) == ["a.bin", "b.bin"]


def test_only_what_is_ours_and_left_is_swept(folder):
    ours, other = leftovers._world(), "0123abcd"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    swept = [f".siren-sr-{ours}-{gone.pid}-{'0' * 16}.tmp"]
    kept = [
        f".siren-sr-{ours}-{os.getpid()}-{'1' * 16}.tmp",  # being written
        f".siren-sr-{ours}-1-{'2' * 16}.tmp",  # somebody else's process
        f".siren-sr-{other}-{gone.pid}-{'3' * 16}.tmp",  # of another machine, where this number may live
        ".0123456789abcdef.tmp",
        f"siren-sr-{ours}-{gone.pid}-{'4' * 16}.tmp",
        f".siren-sr-{ours}-{gone.pid}-{'5' * 16}.tmp.png",
    ]
    old = [f".siren-sr-{other}-77-{'6' * 16}.tmp", f".siren-sr-{ours}-{os.getpid()}-{'7' * 16}.tmp"]
    for name in swept + kept + old:
        (folder / name).write_bytes(b"x")
    for name in [*old, kept[3]]:
        os.utime(folder / name, (time.time() - 90000,) * 2)
    directory = folder / f".siren-sr-{ours}-{gone.pid}-{'8' * 16}.tmp"
    directory.mkdir()
    (folder / f".siren-sr-{ours}-{gone.pid}-{'9' * 16}.tmp").symlink_to(folder / kept[3])
    write(folder / "a.bin")
    expected = [*kept, "a.bin", directory.name, f".siren-sr-{ours}-{gone.pid}-{'9' * 16}.tmp"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(expected)


def test_a_folder_is_looked_through_once_a_minute(folder, monkeypatch):
    """Many writes into a folder of many files would take a time that grows with the square."""
    looks = []
    scandir = os.scandir
    monkeypatch.setattr(leftovers.os, "scandir", lambda path: looks.append(path) or scandir(path))
    clock = [1000.0]
    monkeypatch.setattr(leftovers.time, "monotonic", lambda: clock[0])
    for _ in range(9):
        write(folder / "a.bin")
    assert len(looks) == 1
    clock[0] += 61
    write(folder / "a.bin")
    assert len(looks) == 2
