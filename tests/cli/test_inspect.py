"""``siren-sr inspect``: what files tell of themselves, and what is found in their pixels."""

import json

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from siren_sr import io, omega
from siren_sr.cli import main

PIXELS = data.astronaut()[:160, 100:300]


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "photo.jpg", quality=80, subsampling="4:2:2")
    Image.open(tmp_path / "photo.jpg").save(tmp_path / "saved again.png")
    noise = np.random.default_rng(0).normal(0, 8, PIXELS.shape)
    Image.fromarray((PIXELS + noise).clip(0, 255).round().astype(np.uint8)).save(tmp_path / "noisy.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257).save(tmp_path / "gray.png")
    Image.fromarray(PIXELS).save(tmp_path / "turned.jpg", quality=95, exif=turned)
    return tmp_path


def inspected(capsys, *arguments):
    assert main(["inspect", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def told(capsys, path, *more):
    return json.loads(inspected(capsys, path, "--json", *more))


def test_a_jpeg_file_tells_its_compression(folder, capsys):
    path = folder / "photo.jpg"
    found = told(capsys, path)
    assert (found["format"], found["size"], found["mode"], found["bits"]) == ("JPEG", [160, 200], "RGB", 8)
    jpeg = found["jpeg"]
    assert (jpeg["quality"], jpeg["exact"], jpeg["subsampling"], jpeg["found_in_pixels"]) == (80, True, "4:2:2", False)
    assert jpeg["tables"] == io.read_jpeg_tables(path).tables.tolist()
    assert found["noise"] == 0


def test_what_once_was_a_jpeg_file_is_recognised(folder, capsys):
    found = told(capsys, folder / "saved again.png")
    assert found["format"] == "PNG"
    assert (found["jpeg"]["quality"], found["jpeg"]["found_in_pixels"]) == (80, True)
    assert told(capsys, folder / "noisy.png")["jpeg"] is None


def test_noise_is_told_in_levels(folder, capsys):
    assert told(capsys, folder / "noisy.png")["noise"] == pytest.approx(8, rel=0.2)


def test_blur_is_told_in_pixels(folder, capsys):
    image = Image.fromarray(data.astronaut()).filter(ImageFilter.GaussianBlur(1.5))
    image.save(folder / "blurred.png")
    assert told(capsys, folder / "photo.jpg")["blur"] is None
    assert np.mean(told(capsys, folder / "blurred.png")["blur"]) == pytest.approx(1.5, rel=0.25)
    assert "pixels down" in inspected(capsys, folder / "blurred.png")


def test_omegas_are_those_of_the_library(folder, capsys):
    path = folder / "noisy.png"
    found = told(capsys, path, "--scale", "2")
    assert found["omega_star"] == pytest.approx(omega.omega_star(str(path)), rel=1e-6)
    assert found["omega_hr"] == pytest.approx(omega.omega_hr(str(path), 2), rel=1e-6)


def test_bits_and_orientation(folder, capsys):
    found = told(capsys, folder / "gray.png")
    assert (found["mode"], found["bits"], found["orientation"], found["jpeg"]) == ("gray", 16, 1, None)
    found = told(capsys, folder / "turned.jpg")
    assert (found["size"], found["orientation"], found["jpeg"]["quality"]) == ([160, 200], 6, 95)


def test_a_person_reads_one_line_each(folder, capsys):
    lines = inspected(capsys, folder / "photo.jpg").splitlines()
    assert lines[0] == "size        160x200 (rows x columns)"
    assert "jpeg        quality 80, YCbCr, 4:2:2" in lines
    assert "noise       none found" in lines
    both = inspected(capsys, folder / "photo.jpg", folder / "turned.jpg")
    assert both.startswith(f"{folder / 'photo.jpg'}\n")
    assert f"\n\n{folder / 'turned.jpg'}\n" in both
    assert "orientation 6 (EXIF)" in both


def test_a_file_that_is_no_image_fails(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("no image")
    assert main(["inspect", str(tmp_path / "a.txt")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("siren-sr: error: ")
