import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from problems import eight_bit, picture

from siren_sr import io, super_resolve
from siren_sr.cli import main


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of small pictures, in the working directory."""
    for name in ("a.png", "b/a.png"):
        path = Path(tmp_path, "photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(eight_bit(picture(10, 12))).save(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_a_folder_with_a_broken_image_and_a_prior_of_the_users(photos, capsys):
    Path(photos, "c.jpg").write_bytes(b"\xff\xd8\xff and no more")
    Path("mine.py").write_text("def double(image):\n    return image.repeat_interleave(2, 2).repeat_interleave(2, 3)\n")
    options = ("--scale", "2", "--prior", "mine:double", "--report", "report.json", "--workers", "1")
    assert main(["super-resolve", "photos", "large", *options]) == 1
    shown = capsys.readouterr().err
    assert shown.count("siren-sr: ") == 3
    assert "siren-sr: 2 of 3: details come from prior=" in shown
    assert "siren-sr: failed: " + str(photos / "c.jpg") + " is not a readable image" in shown
    assert "siren-sr: 3 images: 2 done, 1 failed\n" in shown
    assert "/3 [" in shown  # the line that counts
    assert files("large") == ["a.png", "b/a.png"]
    expected = super_resolve(
        photos / "a.png", 2, prior=lambda image: image.repeat_interleave(2, 2).repeat_interleave(2, 3)
    )
    np.testing.assert_array_equal(io.read_image("large/a.png").pixels, np.asarray(expected))
    assert json.loads(Path("report.json").read_text())["totals"]["failed"] == 1

    Path(photos, "c.jpg").unlink()
    assert main(["super-resolve", "photos", "large", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_what_is_for_many_images_is_refused_for_one(photos, capsys):
    for arguments, text in (
        (["photos/a.png", "x.png", "--overwrite", "--report", "r"], "--overwrite, --report: only for many images"),
        (["photos", "x.png"], "x.png is to be a folder"),
        (["photos/a.png", "photos/b/a.png", "x.png"], "x.png is to be a folder"),
        (["photos/*.tif", "x"], "there are no images in photos/*.tif"),
        (["photos", "x", "--noise", "300"], "--noise 300: a standard deviation"),
    ):
        assert main(["super-resolve", *arguments]) == 1
        assert f"siren-sr: error: {text}" in capsys.readouterr().err
    assert files(".") == ["photos/a.png", "photos/b/a.png"]


def test_workers_share_one_image_in_windows(photos, capsys):
    assert main(["super-resolve", "photos/a.png", "x.png", "--scale", "2", "--workers", "1"]) == 0
    assert "window" in capsys.readouterr().err
    expected = np.asarray(super_resolve(photos / "a.png", 2)).astype(int)
    np.testing.assert_allclose(io.read_image("x.png").pixels.astype(int), expected, atol=1, rtol=0)
    assert main(["super-resolve", "photos/a.png", "y.png", "--workers", "2", "--prior", "none"]) == 1
    assert "prior=None searches the whole image" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="INT"),
        pytest.param(signal.SIGTERM, 143, id="TERM", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_it_cleanly(number, code, tmp_path):
    rng = np.random.default_rng(0)
    Path(tmp_path, "in").mkdir()
    for i in range(300):
        io.write_image(tmp_path / f"in/{i:03}.png", rng.integers(0, 255, (16, 16), dtype=np.uint8))
    command = [sys.executable, "-m", "siren_sr.cli", "super-resolve", "in", "out", "--scale", "2", "--workers", "1"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    Path(tmp_path, "temporary").mkdir()
    process = subprocess.Popen(
        [*command, "--report", "report.json"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 200
        while not Path(tmp_path, "out").exists() or len(files(tmp_path / "out")) < 3:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.01)
        # A terminal sends Ctrl-C to all processes; other programs send their signals to the one that they know.
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        errors = process.communicate(timeout=100)[1]
    finally:
        process.kill()
    assert process.returncode == code
    told = {130: "interrupted", 143: "ended by SIGTERM"}[code]
    assert errors.splitlines()[-1].split("siren-sr: ")[1].startswith(f"{told}; 300 images: ")
    assert "Traceback" not in errors
    report = json.loads(Path(tmp_path, "report.json").read_text())
    assert report["stopped"]
    done = [Path(r["output"]).name for r in report["results"] if r["status"] == "done"]
    assert report["totals"]["left"] == 300 - len(done) > 0
    assert files(tmp_path / "out") == sorted(done)
    assert all(io.read_image(tmp_path / "out" / name).pixels.shape == (32, 32) for name in done)
    assert files(tmp_path / "temporary") == []
