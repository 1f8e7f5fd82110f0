"""Signals at random moments: files are whole, temporary ones are gone, and one line says what happened."""

import os
import random
import signal
import time

import pytest
from commands import Commands
from PIL import Image
from problems import eight_bit, picture

from siren_sr import Fit, io

KILLS = 60


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_signals_at_random_moments(tmp_path):
    source = random.Random(2024)
    photo, err = tmp_path / "photo.png", tmp_path / "err"
    Image.fromarray(eight_bit(picture(16, 20))).save(photo)
    seen = []
    with Commands() as commands:
        fitted = tmp_path / "fit.safetensors"
        small = ("--hidden-features", "8", "--omega", "20", "--quiet")
        for _ in range(2):  # the first time includes the start of the server
            begun = time.monotonic()
            assert commands.wait(commands.start("fit", photo, fitted, *small, "--steps", "30")) == 0
            usual = time.monotonic() - begun
        kinds = {
            "fit": (photo, "a.safetensors", (*small, "--steps", "30")),
            "super-resolve": (photo, "a.png", ("--scale", "2", "--steps", "20", "--strategy", "basic", "--quiet")),
            "poisson": (photo, "a.png", ("--steps", "20", "--quiet")),
            "render": (fitted, "a.png", ("--scale", "8")),
        }
        for i in range(KILLS):
            command = source.choice(list(kinds))
            read, name, options = kinds[command]
            out = tmp_path / str(i) / name
            out.parent.mkdir()
            existed = source.random() < 0.5
            if existed:
                out.write_bytes(b"precious")
            numbers = [
                source.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) for _ in range(source.choice((1, 1, 2)))
            ]
            process = commands.start(command, read, out, *options, err=err)
            for number in numbers:
                time.sleep(source.random() * usual)
                try:
                    os.kill(process, number)
                except ProcessLookupError:
                    break
            code = commands.wait(process)
            text = err.read_text()
            told = (i, command, numbers, code, text)
            # A signal may also come before the command handles it, and after its work while Python ends.
            assert code in (0, 128 + numbers[0], -numbers[0], *(-n for n in numbers[1:])), told
            assert text.count("\n") <= 1, told
            assert "Traceback" not in text, told
            assert [path.name for path in out.parent.iterdir()] in ([], [name]), told
            content = out.read_bytes() if out.exists() else None
            whole = content not in (None, b"precious")
            assert whole or (content is not None) == existed, told
            if code == 0 or "nothing is missing" in text or "the network reached so far" in text:
                assert whole, told
            if "nothing was written" in text:
                assert not whole, told
            if whole and name.endswith(".png"):
                assert io.read_image(out).pixels.ndim == 3
            elif whole:
                assert Fit.load(out).stopped == ("reached so far" in text), told
            seen.append(text.rstrip("\n").replace(str(out), "OUT"))
    assert len({text.split(" at step")[0] for text in seen}) >= 5, seen
