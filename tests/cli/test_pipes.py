"""``-`` stands for the standard streams, nothing else goes to stdout then, and ``--json`` is one object there."""

import io as streams
import json
import os
import sys

import numpy as np
import pytest
import soundfile
from PIL import Image
from problems import eight_bit, picture

from siren_sr import Fit, io, omega
from siren_sr.cli import main
from siren_sr.cli.output import show_json
from siren_sr.signals import as_signal

QUICK = ("--scale", "2", "--steps", "2", "--strategy", "basic", "--quiet")
SMALL = ("--hidden-features", "8", "--hidden-layers", "1", "--steps", "2", "--quiet")


def _stdin(content):
    raw = streams.BytesIO(content)
    raw.name = "<stdin>"
    return streams.TextIOWrapper(raw)


@pytest.fixture
def phone(tmp_path):
    """A JPEG that lies on its side: 12 x 10 as it is seen."""
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(eight_bit(picture(10, 12))).save(tmp_path / "phone.jpg", exif=exif, dpi=(300, 300), quality=80)
    return tmp_path / "phone.jpg"


@pytest.fixture
def run(monkeypatch, capsysbinary):
    """Call a command with a content of stdin; returns its exit code, stdout and the lines on stderr."""

    def call(*arguments, given=b""):
        monkeypatch.setattr(sys, "stdin", _stdin(given))
        capsysbinary.readouterr()
        code = main([os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments])
        out, err = capsysbinary.readouterr()
        return code, out, err.decode()

    return call


def test_a_picture_goes_through(phone, tmp_path, run):
    assert run("super-resolve", phone, tmp_path / "named.jpg", *QUICK) == (0, b"", "")
    code, out, err = run("super-resolve", "-", "-", *QUICK, given=phone.read_bytes())
    assert (code, err) == (0, "")
    assert out == (tmp_path / "named.jpg").read_bytes()
    found = io.read_image(out)
    assert (found.format, found.pixels.shape, found.orientation) == ("JPEG", (24, 20, 3), 1)
    assert found.dpi == (300, 300)
    out = run("super-resolve", "-", "-", *QUICK, "--format", "webp", given=phone.read_bytes())[1]
    assert io.read_image(out).format == "WEBP"


def test_what_others_print_does_not_get_between(phone, tmp_path, run, monkeypatch):
    (tmp_path / "loud.py").write_text(
        "def double(x):\n    print('working')\n    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)\n"
    )
    monkeypatch.chdir(tmp_path)
    code, out, err = run("super-resolve", phone, "-", "--scale", "2", "--steps", "1", "--prior", "loud:double")
    assert code == 0
    assert io.read_image(out).pixels.shape == (24, 20, 3)
    assert "working" in err


def test_a_network_and_a_sound_go_through(phone, tmp_path, run):
    network = run("fit", "-", "-", *SMALL, given=phone.read_bytes())[1]
    assert run("fit", phone, tmp_path / "a.safetensors", *SMALL)[0] == 0
    assert network == (tmp_path / "a.safetensors").read_bytes()
    code, out, err = run("render", "-", "-", given=network)
    assert (code, err) == (0, "")
    assert io.read_image(out).format == "JPEG"  # as what was fitted
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(300) / 9), 8000, subtype="PCM_16")
    network = run("fit", "-", "-", *SMALL, given=(tmp_path / "a.wav").read_bytes())[1]
    for form, options in (("WAV", ()), ("FLAC", ("--format", "flac"))):
        found = io.read_audio(run("render", "-", "-", *options, given=network)[1])
        assert (found.format, found.sample_rate, len(found.samples)) == (form, 8000, 300)


def test_an_image_from_derivatives_goes_through(phone, run):
    code, out, _ = run("poisson", "-", "-", "--steps", "2", "--quiet", "--format", "png", given=phone.read_bytes())
    assert code == 0
    assert io.read_image(out).pixels.shape == (12, 10, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("super-resolve", "-", "a.png"), "the standard input is not a readable image: the file is empty"),
        (("omega", "-"), "the standard input is not a readable image"),
        (("super-resolve", "PHONE", "-", "--json"), "both want the standard output"),
        (("super-resolve", "PHONE", "-", "--format", "xyz"), "unknown image extension '.xyz'"),
        (("super-resolve", "-", "b.png", "folder"), "- stands for one image"),
        (("super-resolve", "*.png", "-"), "- stands for one image"),
        (("poisson", "PHONE", "a.png", "--format", "jpg"), "--format jpg: the extension of a.png says the format"),
        (("super-resolve", "PHONE", "a.png", "--jpeg-quality", "80"), "PNG loses nothing"),
        (("super-resolve", "PHONE", "a.jpg", "--jpeg-quality", "0"), "a whole number from 1 to 100"),
        (("super-resolve", "PHONE", "a.webp", "--size", "20000", "12"), "at most 16383 pixels a side"),
    ],
)
def test_what_cannot_be(arguments, text, phone, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*(phone if a == "PHONE" else a for a in arguments))
    assert (code, out) == (1, b"")
    assert text in err
    assert os.listdir(tmp_path) == ["phone.jpg"]


def test_closed_streams(phone, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["omega", "-"]) == 1
    assert "cannot read the standard input: it is closed" in capsys.readouterr().err


@pytest.mark.parametrize("extension", ["jpg", "webp"])
def test_quality_reaches_the_file(extension, phone, tmp_path, run):
    sizes = []
    for quality in (20, 90):
        out = tmp_path / f"{quality}.{extension}"
        assert run("super-resolve", phone, out, *QUICK, "--jpeg-quality", quality)[0] == 0
        sizes.append(out.stat().st_size)
    assert sizes[0] < sizes[1]
    if extension == "jpg":
        tables = io.read_jpeg_tables(tmp_path / "20.jpg").tables
        np.testing.assert_array_equal(tables, io.JpegTables.of_quality(20).tables)


# ---- JSON


def test_super_resolution_as_json(phone, tmp_path, run):
    out = tmp_path / "a.png"
    code, said, _ = run("super-resolve", phone, out, "--scale", "2", "--quality", "fast", "--quiet", "--json")
    assert code == 0
    assert said.count(b"\n") == 1
    found = json.loads(said)
    assert found["image"] == {"format": "JPEG", "size": [10, 12], "mode": "RGB", "bits": 8, "orientation": 6}
    assert (found["input"], found["output"]) == (str(phone), str(out))
    assert (found["size"], found["scale"]) == ([24, 20], [2, 2])
    assert (found["jpeg"]["quality"], found["jpeg"]["found_in_pixels"]) == (80, False)
    assert (found["kernel"], found["noise"], found["prior"]) == ("bicubic", 0, "photographs")
    assert any("details come from" in note for note in found["notes"])
    assert found["psnr_of_the_reduced_result"] > 30
    assert found["seconds"] > 0


def test_a_fit_as_json(phone, tmp_path, run):
    out = tmp_path / "a.safetensors"
    found = json.loads(run("fit", phone, out, *SMALL, "--json")[1])
    fit = Fit.load(out)
    assert (found["kind"], found["size"], found["channels"]) == ("image", [10, 12], 3)
    assert (found["steps"], found["stopped"]) == (2, False)
    assert found["psnr"] == pytest.approx(fit.psnr)
    assert found["parameters"] == sum(p.numel() for p in fit.model.parameters())
    assert found["omega_0"] == pytest.approx(fit.model.first_omega_0)


def test_a_poisson_problem_as_json(phone, tmp_path, run):
    found = json.loads(run("poisson", phone, tmp_path / "a.png", "--steps", "2", "--quiet", "--json")[1])
    assert (found["of"], found["method"], found["size"], found["channels"]) == ("gradient", "numerical", [10, 12], 3)
    stored = np.rot90(io.read_image(tmp_path / "a.png").pixels) / 255  # as the input lies
    error = np.square(stored - io.read_image(phone).pixels / 255).mean()
    assert found["psnr_of_the_image"] == pytest.approx(-10 * np.log10(error), abs=0.05)


def test_omega_as_json(phone, run):
    found = json.loads(run("omega", phone, "--json")[1])
    assert found["omega_star"] == pytest.approx(omega.omega_star(as_signal(phone)))
    assert found["choose"] == pytest.approx(omega.choose(as_signal(phone)))
    found = json.loads(run("omega", phone, "--json", "--measure", "all")[1])
    assert set(found["measures"]) == {omega.TANGENT_KERNEL, *omega.MEASURES}


def test_what_json_has_no_number_for_is_null(capsys):
    show_json({"psnr": np.inf, "scale": (2.0, [float("nan")]), "name": "Infinity"})
    assert json.loads(capsys.readouterr().out) == {"psnr": None, "scale": [2.0, [None]], "name": "Infinity"}
