"""The examples of training loops, run as their first lines say, only smaller."""

import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("skimage")

EXAMPLES = Path(__file__).parents[1] / "examples"


def check_picture(folder):
    assert [path.name for path in folder.iterdir()] == ["picture.png"]
    with Image.open(folder / "picture.png") as picture:
        assert picture.size == (64, 64)


def test_a_loop_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(EXAMPLES / "plain_loop.py"))
    assert names["main"](["picture.png", "--size", "32", "--steps", "60"]) > 30
    assert " dB after 60 steps" in capsys.readouterr().out
    check_picture(tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("lightning") is None, reason="needs lightning, of the dev extra")
def test_lightning(tmp_path):
    # In a process of its own: Lightning warns when it is imported, and draws from the global random state.
    command = [sys.executable, str(EXAMPLES / "lightning_loop.py"), "picture.png", "--size", "32", "--epochs", "20"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    (found,) = re.findall(r"([\d.]+) dB after 20 epochs", result.stdout)
    assert float(found) > 22
    check_picture(tmp_path)
