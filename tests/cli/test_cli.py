import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image, ImageCms
from problems import eight_bit, picture

import siren_sr
from siren_sr import Fit, derivatives, fit_signal, io, omega, solve_poisson, super_resolve
from siren_sr.cli import build_parser, main
from siren_sr.signals import as_signal, to_unit

COMMANDS = ("super-resolve", "fit", "render", "poisson", "omega", "inspect", "demo")
SMALL = ("--hidden-features", "16", "--hidden-layers", "1", "--steps", "2", "--quiet")


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.wav"
    t = np.linspace(0, 1, 400)
    soundfile.write(path, np.stack([np.sin(30 * t), 0.5 * np.cos(20 * t)], 1), 400, subtype="PCM_16")
    return path


def call(*arguments):
    return main([str(a) for a in arguments])


def fails(capsys, *arguments):
    """Run what must fail; returns the one line on stderr."""
    capsys.readouterr()
    assert call(*arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("siren-sr: error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    return err


def pixels(path):
    """What an image file holds."""
    return io.read_image(path).pixels


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- usage


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        call(command, "--help")
    assert ended.value.code == 0
    example = re.search(rf"example:\n  siren-sr ({command} .*)\n", capsys.readouterr().out)
    assert example
    build_parser().parse_args(example[1].split())  # and the example is valid


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        call("--version")
    assert ended.value.code == 0
    own, others, devices = capsys.readouterr().out.splitlines()
    assert own == f"siren-sr {siren_sr.__version__}"  # alone, for scripts
    assert f"PyTorch {torch.__version__}, Python {sys.version_info[0]}.{sys.version_info[1]}" in others
    assert devices.startswith(f"devices: cpu ({torch.get_num_threads()} thread")
    assert ("cuda:0 (" in devices) == torch.cuda.is_available()
    assert devices.endswith(", mps") == torch.backends.mps.is_available()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["enlarge"],
        ["super-resolve", "in.png"],
        ["super-resolve", "in.png", "out.png", "--scale", "two"],
        ["super-resolve", "in.png", "out.png", "--scale", "2", "--size", "4", "4"],
        ["fit", "in.png", "out.safetensors", "--activation", "gelu"],
        ["poisson", "in.png", "out.png", "--of", "curl"],
        ["poisson", "in.png", "out.png", "--mean", "0.5", "--no-mean"],
        ["super-resolve", "", "out.png"],
        ["fit", "in.png", ""],
        ["omega", "a\0b.png"],
        ["fit", "in.png", "out.safetensors", "caf\udce9.png"],
    ],
    ids=repr,
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        call(*arguments)
    assert ended.value.code == 2
    assert re.fullmatch(r"siren-sr: error: .+; see siren-sr( [a-z-]+)? --help\n", capsys.readouterr().err)


# ---- super-resolve


def test_super_resolve(photo, tmp_path, capsys):
    assert call("super-resolve", photo, tmp_path / "a.png", "--scale", "2", "--steps", "2", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), super_resolve(photo, 2, steps=2))
    options = ("--size", "15", "30", "--strategy", "basic", "--steps", "2", "--seed", "5")
    assert call("super-resolve", photo, tmp_path / "b.png", *options) == 0
    assert "step" in capsys.readouterr().err  # the progress bar
    seed = torch.Generator().manual_seed(5)
    expected = super_resolve(photo, size=(15, 30), strategy="basic", steps=2, generator=seed)
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), expected)
    assert names(tmp_path) == ["a.png", "b.png", "photo.png"]


def test_a_line_says_where_details_come_from(photo, tmp_path, capsys):
    for options, text in (
        ((), 'details come from prior="photographs"'),
        (("--kernel", "box"), "not 'box': nothing but the image is"),
        (("--prior", "none"), ""),
    ):
        assert call("super-resolve", photo, tmp_path / "a.png", "--scale", "2", "--quality", "fast", *options) == 0
        shown = capsys.readouterr().err
        assert text in shown
        assert shown.count("siren-sr: ") == bool(text)


def test_sixteen_bits_alpha_orientation_and_profile_survive(tmp_path):
    rgba = torch.cat([picture(9, 12, 3), picture(9, 12, 1)]).permute(1, 2, 0).numpy()
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = io.ImageFile((rgba * 65535).astype(np.uint16), "PNG", exif=exif, icc_profile=profile, dpi=(300.0, 300.0))
    io.write_image(tmp_path / "in.png", stored.pixels, like=stored)
    size = ("--size", "24", "18")
    assert call("super-resolve", tmp_path / "in.png", tmp_path / "out.png", *size, "--steps", "2", "--quiet") == 0
    result = io.read_image(tmp_path / "out.png")
    assert result.pixels.dtype == np.uint16
    assert result.pixels.shape == (24, 18, 4)  # --size is that of the picture as it is seen, and so it is written
    assert result.orientation == 1
    assert result.icc_profile == profile
    assert result.dpi == pytest.approx((300, 300), rel=1e-3)
    assert len(np.unique(result.pixels)) > 256


@pytest.mark.parametrize("mode", ["L", "LA", "P"])
def test_other_modes(mode, photo, tmp_path):
    image = Image.open(photo).convert(mode)
    image.save(tmp_path / "in.png")
    options = ("--scale", "1.5", "--steps", "1", "--quiet")
    assert call("super-resolve", tmp_path / "in.png", tmp_path / "out.png", *options) == 0
    with Image.open(tmp_path / "out.png") as result:
        assert result.mode == {"P": "RGB"}.get(mode, mode)
        np.testing.assert_array_equal(np.asarray(result), super_resolve(image, 1.5, steps=1))


def test_super_resolve_with_kernel_noise_and_prior(photo, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "blur.npy", np.ones((3, 3)))
    (tmp_path / "my_upscaler.py").write_text(
        "import torch\n\n\ndef double(x):\n    return torch.nn.functional.interpolate(x, scale_factor=2)\n"
    )
    monkeypatch.chdir(tmp_path)
    quick = ("--scale", "2", "--steps", "2", "--quiet")
    seen = []
    for arguments, options in (
        (("--quality", "fast"), {"quality": "fast"}),
        (("--quality", "fast", "--kernel", "box"), {"quality": "fast", "kernel": "box"}),
        (("--quality", "fast", "--kernel", "1.2"), {"quality": "fast", "kernel": 1.2}),
        (("--quality", "fast", "--kernel", "blur.npy"), {"quality": "fast", "kernel": np.ones((3, 3))}),
        (("--quality", "fast", "--noise", "10"), {"quality": "fast", "noise": 10 / 255}),
        (("--prior", "none", "--quality", "fast"), {"prior": None, "quality": "fast"}),
        (("--quality", "fast", "--boundary", "wrap"), {"quality": "fast", "boundary": "wrap"}),
        (("--quality", "fast", "--boundary", "mirror,wrap"), {"quality": "fast", "boundary": ("mirror", "wrap")}),
        (("--prior", "my_upscaler:double"), {"prior": torch.nn.Upsample(scale_factor=2)}),
    ):
        assert call("super-resolve", photo, "out.png", *quick, *arguments) == 0
        np.testing.assert_array_equal(pixels("out.png"), super_resolve(photo, 2, steps=2, **options))
        seen.append(pixels("out.png").tobytes())
    assert len(set(seen)) == len(seen)
    for option, value, text in (
        ("--quality", "great", "unknown"),
        ("--kernel", "great", "unknown"),
        ("--kernel", "none.npy", "none.npy"),
        ("--noise", "-3", "--noise -3: a standard deviation in levels of 255, from 0 to 255"),
        ("--noise", "300", "--noise 300: a standard deviation in levels of 255, from 0 to 255"),
        ("--noise", "nan", "in levels of 255"),
        ("--prior", "my_upscaler", "MODULE:FUNCTION"),
        ("--prior", "my_upscaler:treble", "has no treble"),
        ("--prior", "no_such_module:f", "no_such_module"),
    ):
        assert text in fails(capsys, "super-resolve", photo, "bad.png", *quick, option, value)
    assert not (tmp_path / "bad.png").exists()


def test_what_a_prior_can_be_and_how_it_fails(photo, tmp_path, monkeypatch, capsys):
    (tmp_path / "zoo.py").write_text(
        "import torch\n\n\n"
        "class Tiger:\n    @staticmethod\n    def double(x):\n"
        "        import zoo_keeper\n        return zoo_keeper.double(x)\n\n\n"
        "def wrong(x):\n    return x.no_such_thing\n\n\nnumber = 3\n"
    )
    (tmp_path / "zoo_keeper.py").write_text(
        "def double(x):\n    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)\n"
    )
    (tmp_path / "broken.py").write_text("import torch\n\ntorch.no_such_thing\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    quick = ("--scale", "2", "--steps", "2", "--quiet")
    assert call("super-resolve", photo, "out.png", *quick, "--prior", "zoo:Tiger.double") == 0
    expected = super_resolve(photo, 2, steps=2, prior=torch.nn.Upsample(scale_factor=2))
    np.testing.assert_array_equal(pixels("out.png"), expected)
    for prior, text in (
        ("zoo:Tiger.treble", "the module zoo has no Tiger.treble"),
        ("zoo:number", "is no function but int"),
        ("zoo:wrong", "--prior zoo:wrong failed: AttributeError: 'Tensor' object has no attribute 'no_such_thing'"),
        ("broken:f", "broken cannot be imported: AttributeError: module 'torch' has no attribute 'no_such_thing'"),
    ):
        assert text in fails(capsys, "super-resolve", photo, "bad.png", *quick, "--prior", prior)
    assert sys.path == before


# ---- fit, render


def test_fit_and_render(photo, tmp_path, capsys):
    saved = tmp_path / "photo.safetensors"
    assert call("fit", photo, saved, *SMALL, "--seed", "3") == 0
    out, err = capsys.readouterr()
    fit = Fit.load(saved)
    assert out == f"{saved}: {fit.psnr:.2f} dB, first_omega_0 {fit.model.first_omega_0:.2f}\n"
    assert err == ""
    assert fit.model.first_omega_0 == pytest.approx(omega.choose(photo, updates=2, hidden_layers=1), rel=1e-5)
    expected = fit_signal(
        photo, hidden_features=16, hidden_layers=1, steps=2, generator=torch.Generator().manual_seed(3)
    )
    np.testing.assert_array_equal(np.asarray(fit.reconstruction), np.asarray(expected.reconstruction))

    assert call("render", saved, tmp_path / "same.png") == 0
    np.testing.assert_array_equal(pixels(tmp_path / "same.png"), fit.render())
    assert call("render", saved, tmp_path / "part.png", "--scale", "2", "--region", "2", "5", "0", "12") == 0
    np.testing.assert_array_equal(pixels(tmp_path / "part.png"), fit.render(scale=2, region=((2, 5), (0, 12))))
    assert call("render", saved, tmp_path / "size.bmp", "--size", "7", "9") == 0
    np.testing.assert_array_equal(pixels(tmp_path / "size.bmp"), fit.render(size=(7, 9)))
    assert "--region needs 4 numbers" in fails(capsys, "render", saved, tmp_path / "x.png", "--region", "2", "5")
    assert "region must hold one" in fails(capsys, "render", saved, tmp_path / "x.png", "--region", "0", "5", "0", "13")


def test_fit_options(photo, tmp_path):
    saved = tmp_path / "a.safetensors"
    assert call("fit", photo, saved, *SMALL, "--omega", "17.5", "--objective", "mse_fft", "--recipe", "paper") == 0
    fit = Fit.load(saved)
    assert fit.model.first_omega_0 == 17.5
    assert fit.history[0].lr == 5e-4
    assert call("fit", photo, saved, *SMALL, "--omega", "tenengrad", "--activation", "relu") == 0
    assert Fit.load(saved).model.config()["activation"] == "relu"
    assert call("fit", photo, saved, *SMALL, "--boundary", "mirror,wrap") == 0
    assert Fit.load(saved).boundary == ("mirror", "wrap")


def test_sounds(sound, tmp_path, capsys):
    saved = tmp_path / "sound.safetensors"
    assert call("fit", sound, saved, *SMALL) == 0
    expected = omega.choose(str(sound), updates=2, hidden_layers=1)
    fit = Fit.load(saved)
    assert fit.model.first_omega_0 == pytest.approx(expected, rel=1e-5)
    assert call("render", saved, tmp_path / "same.wav") == 0
    same = io.read_audio(tmp_path / "same.wav")
    assert (same.samples.dtype, same.sample_rate) == (np.int16, 400)
    np.testing.assert_array_equal(same.samples, fit.render())
    assert call("render", saved, tmp_path / "part.flac", "--scale", "2", "--region", "100", "150") == 0
    part = io.read_audio(tmp_path / "part.flac")
    assert part.sample_rate == 800
    np.testing.assert_array_equal(part.samples, fit.render(scale=2, region=((100, 150),)))
    assert "--region needs 2 numbers" in fails(
        capsys, "render", saved, tmp_path / "x.wav", "--region", "1", "2", "3", "4"
    )
    assert "unknown sound extension '.png'" in fails(capsys, "render", saved, tmp_path / "x.png")


def test_what_a_format_cannot_hold_is_refused_before_rendering(sound, photo, tmp_path, capsys, monkeypatch):
    """Above 200 kHz the encoder of OGG would end the process."""
    for name, source in (("sound", sound), ("photo", photo)):
        assert call("fit", source, tmp_path / f"{name}.safetensors", *SMALL) == 0
    capsys.readouterr()
    monkeypatch.setattr(Fit, "render", None)
    saved = tmp_path / "sound.safetensors"
    text = fails(capsys, "render", saved, tmp_path / "x.ogg", "--scale", "500.5")
    assert "OGG holds sample rates of 1 to 200000 Hz; got 200200: write .wav, or resample" in text
    text = fails(capsys, "render", saved, tmp_path / "x.mp3", "--region", "10", "20", "--size", "13")
    assert "MP3 holds sample rates of 8000, 11025" in text
    assert "got 520" in text
    text = fails(capsys, "render", tmp_path / "photo.safetensors", tmp_path / "x.webp", "--size", "16384", "1")
    assert "WEBP holds at most 16383 pixels a side, got 16384 x 1" in text


@pytest.mark.parametrize(
    "signal_",
    [picture(6, 8), picture(6, 8, 1)[0].double(), (picture(6, 8) * 255).byte()],
    ids=["float", "gray", "uint8"],
)
def test_fits_of_tensors_can_be_rendered_into_files(signal_, tmp_path):
    fit = fit_signal(signal_, hidden_features=16, steps=2)
    fit.save(tmp_path / "a.safetensors")
    assert call("render", tmp_path / "a.safetensors", tmp_path / "a.png", "--scale", "2") == 0
    values = fit.render(scale=2).double() * (1 if signal_.dtype == torch.uint8 else 255)
    expected = values.round() if values.ndim == 2 else values.round().movedim(0, -1)
    np.testing.assert_allclose(pixels(tmp_path / "a.png"), expected, atol=1)


def test_volumes_have_no_file(tmp_path, capsys):
    fit_signal(torch.zeros(3, 4, 5), dims=3, hidden_features=8, steps=1).save(tmp_path / "a.safetensors")
    assert "only images and sounds have files" in fails(
        capsys, "render", tmp_path / "a.safetensors", tmp_path / "a.png"
    )


# ---- poisson


@pytest.mark.parametrize("method", ["numerical", "analytical"])
@pytest.mark.parametrize(
    ("of", "operator"), [("gradient", derivatives.image_gradient), ("laplacian", derivatives.image_laplacian)]
)
def test_poisson(of, operator, method, photo, tmp_path):
    out = tmp_path / "out.png"
    more = ["--mean-gradient"] if of == "laplacian" else []
    assert call("poisson", photo, out, "--of", of, "--method", method, "--steps", "3", "--quiet", *more) == 0
    image = to_unit(as_signal(photo).values)
    conditions = {"mean": image.mean((1, 2))}
    if more:
        conditions["mean_gradient"] = derivatives.image_gradient(image).mean((2, 3))
    expected = solve_poisson(**{of: operator(image)}, method=method, steps=3, **conditions)
    np.testing.assert_array_equal(pixels(out), eight_bit(expected.clamp(0, 1)))


def test_poisson_means(tmp_path, capsys):
    out = tmp_path / "out.png"
    flat = tmp_path / "flat.png"
    Image.new("L", (6, 5), 100).save(flat)
    for options, mean in (((), 100), (("--mean", "0.7"), 0.7 * 255)):
        assert call("poisson", flat, out, "--steps", "3", "--quiet", *options) == 0
        assert pixels(out).mean() == pytest.approx(mean, abs=1)
    found = []
    for level in (100, 200):  # derivatives do not tell one from the other
        Image.new("L", (6, 5), level).save(flat)
        assert call("poisson", flat, out, "--steps", "3", "--quiet", "--no-mean") == 0
        found.append(pixels(out).mean())
    assert found[0] == pytest.approx(found[1], abs=1)
    array = tmp_path / "g.npy"
    np.save(array, derivatives.image_gradient(torch.zeros(3, 5, 6)).numpy())
    assert call("poisson", array, out, "--steps", "3", "--quiet") == 0
    assert pixels(out).shape == (5, 6, 3)
    assert pixels(out).mean() == pytest.approx(127.5, abs=1)
    assert "--mean-gradient needs an image" in fails(capsys, "poisson", array, out, "--mean-gradient")
    assert "laplacian must have shape" in fails(capsys, "poisson", array, out, "--of", "laplacian")
    for content in (b"", b"no array", array.read_bytes()[:140]):
        array.write_bytes(content)
        assert "is not a readable .npy file" in fails(capsys, "poisson", array, out)


# ---- omega


def test_omega(photo, sound, capsys):
    assert call("omega", photo, "--scale", "2") == 0
    star, hr, best = omega.omega_star(photo), omega.omega_hr(photo, 2), omega.choose(photo)
    assert capsys.readouterr().out == f"choose      {best:.2f}\nomega_star  {star:.2f}\nomega_hr    {hr:.2f}  (x2)\n"
    assert call("omega", photo, "--measure", "all") == 0
    lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert list(lines) == ["tangent_kernel", *omega.MEASURES]
    assert float(lines["tenengrad"]) == pytest.approx(omega.choose(photo, "tenengrad"), abs=0.01)
    assert call("omega", photo, "--measure", "brenner") == 0
    assert capsys.readouterr().out == f"brenner  {omega.choose(photo, 'brenner'):.2f}\n"
    assert call("omega", sound) == 0
    assert capsys.readouterr().out == f"choose      {omega.choose(sound):.2f}\nomega_r     400.00\n"


# ---- errors


def test_errors_are_one_line_and_leave_the_output_alone(photo, tmp_path, capsys):
    for name in ("out.png", "out.safetensors", "out.jpg", "out.xyz"):
        (tmp_path / name).write_bytes(b"precious")
    text, out, net = tmp_path / "text.png", tmp_path / "out.png", tmp_path / "out.safetensors"
    text.write_bytes(b"not an image")
    alpha = tmp_path / "alpha.png"
    Image.new("RGBA", (4, 5)).save(alpha)
    before = names(tmp_path)
    cases = [
        (("super-resolve", tmp_path / "none.png", out), "there is no file"),
        (("super-resolve", text, out), "is not a readable image"),
        (("super-resolve", photo, tmp_path / "out.xyz"), "unknown image extension '.xyz'"),
        (("super-resolve", photo, tmp_path / "none" / "a.png"), "there is no folder"),
        (("super-resolve", photo, tmp_path), "no extension"),
        (("super-resolve", alpha, tmp_path / "out.jpg"), "JPEG cannot hold an alpha channel"),
        (("super-resolve", photo, out, "--scale", "0.5"), "smaller than the image"),
        (("super-resolve", photo, out, "--scale", "nan"), "scale must be a finite number > 0"),
        (("super-resolve", photo, out, "--size", "3"), "size must be 2 integers"),
        (("super-resolve", photo, out, "--strategy", "magic"), "strategy='magic' is unknown"),
        (("super-resolve", photo, out, "--steps", "0"), "steps must be >= 1"),
        (("super-resolve", photo, out, "--device", "nowhere"), "nowhere"),
        (("super-resolve", photo, out, "--seed", str(2**70)), "error: "),
        (("fit", photo, tmp_path / "out.png"), "a fit is saved as .safetensors"),
        (("fit", tmp_path / "none.wav", net), "there is no file"),
        (("fit", photo, net, "--omega", "sharpness"), "unknown measure 'sharpness'"),
        (("fit", photo, net, "--objective", "mae"), "objective='mae' is unknown"),
        (("fit", photo, net, "--recipe", "best"), "recipe='best' is unknown"),
        (("fit", photo, net, "--hidden-features", "0"), "hidden_features must be >= 1"),
        (("render", net, out), "is damaged or not a safetensors file"),
        (("render", tmp_path / "none.safetensors", out), "no such file"),
        (("poisson", photo, out, "--mean", "nan"), "mean must be finite"),
        (("poisson", photo, out, "--recipe", "best"), "recipe='best' is unknown"),
        (("omega", text), "is not a readable image"),
        (("omega", photo, "--measure", "sharpness"), "unknown measure 'sharpness'"),
        (("omega", photo, "--scale", "0.5"), "super-resolution only enlarges"),
    ]
    for arguments, expected in cases:
        assert expected in fails(capsys, *arguments), arguments
    assert names(tmp_path) == before
    for name in ("out.png", "out.safetensors", "out.jpg", "out.xyz"):
        assert (tmp_path / name).read_bytes() == b"precious"


def test_a_full_disk(photo, tmp_path, capsys, monkeypatch):
    def full(descriptor):
        raise OSError(28, os.strerror(28))

    (tmp_path / "out.png").write_bytes(b"precious")
    (tmp_path / "out.safetensors").write_bytes(b"precious")
    before = names(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in fails(
        capsys, "super-resolve", photo, tmp_path / "out.png", "--scale", "2", "--steps", "1", "--quiet"
    )
    assert "No space left" in fails(capsys, "fit", photo, tmp_path / "out.safetensors", *SMALL)
    assert names(tmp_path) == before
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "out.safetensors").read_bytes() == b"precious"


def test_too_little_memory(tmp_path, capsys, monkeypatch):
    def too_large(path):
        raise MemoryError

    monkeypatch.setattr(io, "read_image", too_large)
    assert "not enough memory" in fails(capsys, "super-resolve", "a.png", tmp_path / "b.png")


# ---- as a process


def start(*arguments):
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(siren_sr.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "siren_sr.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def interrupt(process):
    """Press Ctrl-C as soon as the progress bar shows that steps are being made."""
    seen, end = b"", time.monotonic() + 60
    while not re.search(rb"\b[1-9]\d*/", seen) and time.monotonic() < end:
        piece = os.read(process.stderr.fileno(), 1 << 12)
        if not piece:
            break
        seen += piece
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return out.decode(), (seen + err).decode().split("\r")[-1].split("\x1b[A")[-1].strip().splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c(photo, tmp_path):
    before = names(tmp_path)
    long = ("--steps", "1000000")
    processes = {
        "fit": start("fit", photo, tmp_path / "out.safetensors", "--hidden-features", "16", *long),
        "super-resolve": start("super-resolve", photo, tmp_path / "out.png", "--strategy", "basic", *long),
    }
    lines = {}
    for name, process in processes.items():
        out, lines[name] = interrupt(process)
        assert process.returncode == 130
        assert out == ""
        assert re.match(r"siren-sr: interrupted at step \d+ of 1000000, PSNR -?[\d.]+ dB; ", lines[name][-1])
    assert lines["super-resolve"][-1].endswith("nothing was written")
    assert lines["fit"][-1].endswith(f"the network reached so far is in {tmp_path / 'out.safetensors'}")
    assert names(tmp_path) == sorted([*before, "out.safetensors"])
    fit = Fit.load(tmp_path / "out.safetensors")
    assert fit.stopped
    assert f"at step {len(fit.history)} of" in lines["fit"][-1]
    assert fit.render(scale=2).size == (24, 20)


def test_processes(photo, tmp_path):
    processes = [
        start("super-resolve", photo, tmp_path / "a.png", "--scale", "2", "--steps", "2"),
        start("super-resolve", tmp_path / "none.png", tmp_path / "b.png"),
        start("render", "one argument"),
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 1, 2]
    assert pixels(tmp_path / "a.png").shape == (20, 24, 3)
    assert outputs[0][0] == b""
    assert outputs[1][1].decode() == f"siren-sr: error: there is no file {tmp_path / 'none.png'}\n"
    assert b"Traceback" not in b"".join(err for _, err in outputs)
    assert names(tmp_path) == ["a.png", "photo.png"]


def test_what_a_photograph_carries_survives_fit_and_render(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = tmp_path / "a.jpg"
    Image.new("RGB", (12, 8), "teal").save(source, exif=exif, icc_profile=profile)
    fitted, out = tmp_path / "a.safetensors", tmp_path / "b.jpg"
    assert main(["fit", str(source), str(fitted), "--steps", "2", "--hidden-features", "8", "--quiet"]) == 0
    assert main(["render", str(fitted), str(out), "--scale", "2"]) == 0
    with Image.open(out) as image:
        assert image.size == (16, 24)
        assert image.getexif()[274] == 1
        assert image.info["icc_profile"] == profile


def test_a_checkpoint_outlives_a_failure_and_not_the_output(photo, tmp_path, monkeypatch, capsys):
    from siren_sr import Fit

    saved, state = tmp_path / "a.safetensors", tmp_path / "state.safetensors"
    options = ["fit", photo, saved, "--steps", "4", "--hidden-features", "16", "--quiet", "--checkpoint", state]
    assert call(*options, "--resume") == 0  # there is none yet, which is no mistake
    plain = Fit.load(saved).render()
    assert not state.exists()

    def full(self, path):
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(Fit, "save", full)
        assert "no space left" in fails(capsys, *options)
    assert state.exists()
    saved.unlink()
    assert "go on from it with --resume, or delete it" in fails(capsys, *options)
    monkeypatch.setattr("siren_sr.training.running.Running.step", None)  # nothing is trained again
    assert call(*options, "--resume") == 0
    assert np.array_equal(np.asarray(Fit.load(saved).render()), np.asarray(plain))
    assert not state.exists()
    assert "--resume needs --checkpoint FILE" in fails(capsys, *options[:-2], "--resume")


def test_other_commands_take_a_checkpoint(photo, tmp_path, capsys):
    state = tmp_path / "state.safetensors"
    options = ["--quiet", "--checkpoint", state, "--every", "0"]
    assert call("poisson", photo, tmp_path / "a.png", "--steps", "2", *options) == 0
    assert call("super-resolve", photo, tmp_path / "b.png", "--prior", "none", "--quality", "fast", *options) == 0
    assert not state.exists()
    assert "every must be a finite number" in fails(
        capsys, "poisson", photo, tmp_path / "c.png", "--checkpoint", state, "--every", "-1"
    )


def test_a_jpeg_is_reckoned_with_unless_that_is_declined(photo, tmp_path, capsys):
    with Image.open(photo) as image:
        image.convert("RGB").save(tmp_path / "in.jpg", quality=30)
    results = {}
    for name, options in (("auto", ()), ("jpeg", ("--compression", "jpeg")), ("none", ("--compression", "none"))):
        assert (
            call("super-resolve", tmp_path / "in.jpg", tmp_path / "out.png", "--scale", "1", "--quiet", *options) == 0
        )
        results[name] = pixels(tmp_path / "out.png")
    np.testing.assert_array_equal(results["auto"], super_resolve(tmp_path / "in.jpg", 1))
    np.testing.assert_array_equal(results["jpeg"], results["auto"])
    np.testing.assert_array_equal(results["none"], super_resolve(tmp_path / "in.jpg", 1, compression=None))
    assert (results["none"] != results["auto"]).any()
    text = fails(capsys, "super-resolve", photo, tmp_path / "bad.png", "--scale", "1", "--compression", "jpeg")
    assert "the image is no JPEG file and shows no certain traces of one" in text
