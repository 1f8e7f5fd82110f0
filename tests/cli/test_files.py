"""The files that commands read and write: names of every kind, what is refused, and what a failure says."""

import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from siren_sr import Fit, io
from siren_sr.cli import main
from siren_sr.training.progress import Entry, Progress

SMALL = ("--hidden-features", "8", "--hidden-layers", "1", "--steps", "2", "--quiet")
QUICK = ("--scale", "2", "--steps", "2", "--strategy", "basic", "--quiet")


@pytest.fixture
def fitted(photo, tmp_path, capsys):
    path = tmp_path / "fit.safetensors"
    assert call("fit", photo, path, *SMALL) == 0
    capsys.readouterr()
    return path


def call(*arguments):
    return main([os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments])


def fails(capsys, *arguments, code=1):
    """Run what must fail; returns the one line on stderr."""
    capsys.readouterr()
    assert call(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("siren-sr: ")
    assert err.count("\n") == 1
    return err.removeprefix("siren-sr: error: ").rstrip("\n")


def commands(photo, fitted):
    """One of every command that writes a file, without OUT."""
    return {
        "super-resolve": (photo, QUICK, "a.png"),
        "fit": (photo, SMALL, "a.safetensors"),
        "render": (fitted, (), "a.png"),
        "poisson": (photo, ("--steps", "2", "--quiet"), "a.png"),
    }


# ---- the output


def test_no_clobber(photo, fitted, tmp_path, capsys, monkeypatch):
    for command, (source, options, name) in commands(photo, fitted).items():
        out = tmp_path / command / name
        out.parent.mkdir()
        assert call(command, source, out, *options, "--no-clobber") == 0
        out.write_bytes(b"precious")
        assert fails(capsys, command, source, out, *options, "--no-clobber") == (
            f"{out} exists, and --no-clobber was given: give another name"
        )
        assert out.read_bytes() == b"precious"
        assert call(command, source, out, *options) == 0
        assert out.read_bytes() != b"precious"
    dangling = tmp_path / "link.png"
    dangling.symlink_to(tmp_path / "elsewhere.png")
    assert "exists" in fails(capsys, "render", fitted, dangling, "--no-clobber")
    assert "table4.json exists" in fails(
        capsys, "reproduce", "table4", "--out", _with(tmp_path / "out", "table4.json"), "--no-clobber"
    )


def _with(folder, name):
    folder.mkdir()
    (folder / name).touch()
    return folder


def test_a_file_that_comes_into_being_during_the_work_is_kept(photo, tmp_path, capsys, monkeypatch):
    out = tmp_path / "a.safetensors"
    measure = io.check_folder

    def check(path):
        measure(path)
        out.write_bytes(b"precious")

    monkeypatch.setattr("siren_sr.cli.fit.check_save_path", lambda path: None)
    monkeypatch.setattr("siren_sr.cli.fit.fit_signal", lambda *a, **more: check(out))
    assert "exists, and --no-clobber was given" in fails(capsys, "fit", photo, out, *SMALL, "--no-clobber")
    assert out.read_bytes() == b"precious"


def test_the_input_is_never_the_output(photo, fitted, tmp_path, capsys):
    before = photo.read_bytes()
    (tmp_path / "hard.png").hardlink_to(photo)
    (tmp_path / "soft.png").symlink_to(photo)
    for name in ("photo.png", "hard.png", "soft.png", "./photo.png"):
        assert "is the input, which would be lost" in fails(
            capsys, "super-resolve", photo, f"{tmp_path}/{name}", *QUICK
        )
    assert "is the input" in fails(capsys, "poisson", photo, photo)
    disguised = fitted.rename(tmp_path / "fit.png")
    assert "is the input" in fails(capsys, "render", disguised, disguised)
    assert photo.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs devices and pipes")
def test_outputs_that_are_no_files(photo, fitted, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for out, text in (
        ("/dev/null", "no extension"),
        (tmp_path / "pipe.png", "it is not a regular file"),
        (tmp_path / "folder.png", "it is a folder"),
        (tmp_path / "none" / "a.png", "there is no folder"),
        (photo / "a.png", "there is no folder"),
        (f"{tmp_path}/", "no extension"),
    ):
        assert text in fails(capsys, "super-resolve", photo, out, *QUICK)
        assert text in fails(capsys, "render", fitted, out)
    assert "it is a folder" in fails(capsys, "omega", tmp_path)


@pytest.mark.parametrize("strip", [False, True])
def test_strip_goes_to_the_writer(strip, photo, fitted, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(io, "check_writable", lambda *_, metadata="keep", **__: asked.append(metadata))
    monkeypatch.setattr(io, "save", lambda *_, metadata="keep", **__: asked.append(metadata))
    monkeypatch.setattr(Fit, "save", lambda *_, metadata="keep", **__: asked.append(metadata))
    for command, (source, options, name) in commands(photo, fitted).items():
        assert call(command, source, tmp_path / name, *options, *["--strip"] * strip) == 0
    assert asked == ["strip" if strip else "keep"] * 7  # each image is checked before the work, and written after it


# ---- names


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are any bytes")
def test_names_that_are_no_text(photo, tmp_path, capsys):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    name = {kind: folder / os.fsdecode(b"\xff\xe9 " + kind.encode()) for kind in ("a.png", "b.png", "a.wav")}
    saved = folder / os.fsdecode(b"\xe9.safetensors")
    photo.rename(name["a.png"])
    soundfile.write(os.fsencode(name["a.wav"]), np.sin(np.linspace(0, 30, 300)), 400)
    for command, source, out, options in (
        ("super-resolve", name["a.png"], name["b.png"], QUICK),
        ("poisson", name["a.png"], name["b.png"], ("--steps", "2", "--quiet")),
        ("fit", name["a.png"], saved, SMALL),
        ("fit", name["a.wav"], saved, SMALL),
    ):
        out.unlink(missing_ok=True)
        assert call(command, source, out, *options) == 0, command
        assert out.stat().st_size > 0
    assert call("omega", name["a.png"]) == 0
    capsys.readouterr()
    assert r"\xff\xe9 none.png" in fails(capsys, "omega", folder / os.fsdecode(b"\xff\xe9 none.png"))
    assert r"caf\xe9/a.xyz" in fails(capsys, "super-resolve", name["a.png"], folder / "a.xyz")
    assert r"\xe9.safetensors exists" in fails(capsys, "fit", name["a.png"], saved, *SMALL, "--no-clobber")
    assert call("fit", name["a.png"], saved, *SMALL) == 0
    assert capsys.readouterr().out.startswith(rf"{tmp_path}/caf\xe9/\xe9.safetensors: ")


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are any bytes")
def test_a_fit_whose_name_is_no_text(fitted, tmp_path):
    renamed = fitted.rename(tmp_path / os.fsdecode(b"\xe9.safetensors"))
    out = tmp_path / os.fsdecode(b"\xff.png")
    assert call("render", renamed, out) == 0
    assert io.read_image(out).pixels.shape == (10, 12, 3)


# ---- what a failure says


@pytest.mark.parametrize("what", ["sys.exit(0)", "sys.exit('bye')", "raise KeyboardInterrupt", "raise Odd", "1 / 0"])
@pytest.mark.parametrize("where", ["imported", "called"])
def test_whatever_a_prior_raises_is_one_line(what, where, photo, tmp_path, monkeypatch, capsys):
    body = "import sys\n\n\nclass Odd(BaseException):\n    def __str__(self):\n        raise ValueError\n\n\n"
    body += f"{what}\n" if where == "imported" else f"def upscale(x):\n    {what}\n"
    name = f"prior_{abs(hash((what, where)))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.chdir(tmp_path)
    options = ("--scale", "2", "--quiet", "--prior", f"{name}:upscale")
    kind = {"s": "SystemExit", "1": "ZeroDivisionError"}.get(what[0], what.removeprefix("raise "))
    text = fails(capsys, "super-resolve", photo, tmp_path / "a.png", *options)
    assert text.startswith(f"--prior {name}:upscale")
    assert f": {kind}" in text
    assert not (tmp_path / "a.png").exists()


class Strange(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two\nlines"), "two lines"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (KeyError("x"), "unexpected KeyError: 'x'; run with --traceback to see where"),
        (AttributeError("no y"), "unexpected AttributeError: no y; run with --traceback to see where"),
        (SystemExit(3), "unexpected SystemExit: 3; run with --traceback to see where"),
        (Strange(), "unexpected Strange: Strange; run with --traceback to see where"),
        (MemoryError(), "not enough memory (MemoryError): use a smaller image, scale or network"),
    ],
)
def test_every_exception_is_one_line(error, text, photo, capsys, monkeypatch):
    def stop(path):
        raise error

    monkeypatch.setattr("siren_sr.cli.omega.as_signal", stop)
    assert fails(capsys, "omega", photo) == text
    assert call("omega", photo, "--traceback") == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback ")
    assert "in stop" in err
    assert err.endswith(f"siren-sr: error: {text}\n")


def test_a_warning_comes_before_the_end_of_an_interrupted_training(photo, tmp_path, capsys, monkeypatch):
    def warn(*arguments, callback, **more):
        warnings.simplefilter("default")
        warnings.warn("the training diverged", RuntimeWarning, stacklevel=1)
        callback(Progress(Entry(3, 0.1, 20.0, 0.1, 0.1), 9, 1.0, "fit"))
        signal.raise_signal(signal.SIGTERM)
        callback(Progress(Entry(4, 0.1, 20.0, 0.1, 0.1), 9, 1.0, "fit"))
        return np.zeros((20, 24, 3), np.uint8)

    monkeypatch.setattr("siren_sr.cli.super_resolve.enlarge", warn)
    assert call("super-resolve", photo, tmp_path / "a.png", *QUICK[:-1]) == 143
    lines = capsys.readouterr().err.split("\r")[-1].strip().splitlines()
    assert lines == [
        "siren-sr: warning: the training diverged",
        "siren-sr: ended by SIGTERM at step 4 of 9, PSNR 20.00 dB; nothing was written",
    ]


def test_warnings_are_one_line_each(photo, tmp_path, capsys, monkeypatch):
    def warn(*arguments, **more):
        warnings.simplefilter("default")
        for _ in range(3):
            warnings.warn("the training\n  diverged", RuntimeWarning, stacklevel=1)
        warnings.warn("will be removed", FutureWarning, stacklevel=1)
        return np.zeros((20, 24, 3), np.uint8)

    monkeypatch.setattr("siren_sr.cli.super_resolve.enlarge", warn)
    assert call("super-resolve", photo, tmp_path / "a.png", *QUICK) == 0
    assert capsys.readouterr().err == ""
    assert call("super-resolve", photo, tmp_path / "a.png", *QUICK[:-1]) == 0
    assert capsys.readouterr().err == "siren-sr: warning: the training diverged\n"


def test_regions_seeds_and_kernels(photo, fitted, tmp_path, capsys):
    out = tmp_path / "a.png"
    assert fails(capsys, "render", fitted, out, "--region", "5") == (
        "--region needs 4 numbers, TOP BOTTOM LEFT RIGHT, got 1"
    )
    assert fails(capsys, "fit", photo, tmp_path / "a.safetensors", "--seed", str(2**64)) == (
        f"--seed {2**64}: give a whole number from 0 to 2**64 - 1"
    )
    kernel = tmp_path / "kernel.npy"
    for array in (np.array(["a"]), np.ones((3, 3), complex), np.array([{}])):
        np.save(kernel, array, allow_pickle=True)
        assert f"{kernel} is not a readable .npy file" in fails(
            capsys, "super-resolve", photo, out, "--quality", "fast", "--kernel", kernel
        )
    for content in (b"", b"text", b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118):
        kernel.write_bytes(content)
        assert f"{kernel} is not a readable .npy file" in fails(
            capsys, "super-resolve", photo, out, "--quality", "fast", "--kernel", kernel
        )
    assert not Path(out).exists()
    soundfile.write(tmp_path / "a.wav", np.sin(np.linspace(0, 30, 300)), 400)
    assert call("fit", tmp_path / "a.wav", tmp_path / "a.safetensors", *SMALL) == 0
    assert "--strip is for images" in fails(capsys, "fit", tmp_path / "a.wav", tmp_path / "b.safetensors", "--strip")
    assert "--strip is for images" in fails(capsys, "render", tmp_path / "a.safetensors", tmp_path / "b.wav", "--strip")
