"""``--plot FILE``: a figure beside the result, refused before the work where it cannot be written."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from siren_sr.cli import main

pytest.importorskip("matplotlib")
SMALL = ("--hidden-features", "8", "--hidden-layers", "1", "--omega", "30")


@pytest.fixture
def here(photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("tone.wav", np.sin(np.arange(2000) / 4), 8000)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("super-resolve", "photo.png", "out.png", "--scale", "2", "--quality", "fast"),
        ("fit", "photo.png", "out.safetensors", "--steps", "2", *SMALL),
        ("fit", "tone.wav", "out.safetensors", "--steps", "2", *SMALL),
        ("poisson", "photo.png", "out.png", "--steps", "2"),
        ("omega", "tone.wav", "--measure", "brenner"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_figure_is_drawn(arguments, here, capsys):
    assert main([*arguments, "--plot", "figure.png"]) == 0
    with Image.open("figure.png") as figure:
        assert min(figure.size) > 300
        assert len(figure.convert("RGB").resize((60, 60)).getcolors(3600)) > 20
    assert len(list(here.iterdir())) == 3 + (arguments[0] != "omega")


def test_the_extension_sets_the_format_and_an_old_figure_is_replaced(here, capsys):
    (here / "figure.SVG").write_text("old")
    assert main(["omega", "photo.png", "--measure", "brenner", "--plot", "figure.SVG"]) == 0
    assert b"<svg" in (here / "figure.SVG").read_bytes()
    assert capsys.readouterr().out.startswith("brenner ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("out.png", "--plot", "figure.xyz"), "figure.xyz: no figure can have this extension, use one of ."),
        (("out.png", "--plot", "photo.png"), "photo.png: this file is read or written already"),
        (("out.png", "--plot", "./out.png"), "./out.png: this file is read or written already"),
        (("out.png", "--plot", "tone.png", "--no-clobber"), "tone.png exists, and --no-clobber was given"),
        (("out.png", "--plot", "none/figure.png"), "none"),
        (("photo.png", "out", "--plot", "figure.png"), "--plot is for one image: give one IN"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_the_work(arguments, text, here, capsys):
    (here / "tone.png").touch()
    assert main(["super-resolve", "photo.png", *arguments]) == 1
    assert text in capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["photo.png", "tone.png", "tone.wav"]
