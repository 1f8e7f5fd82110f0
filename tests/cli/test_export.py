"""``siren-sr export`` writes what the library's function writes, and refuses before it reads the fit."""

import pytest
from problems import picture

import siren_sr
from siren_sr.cli import main


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    siren_sr.fit_signal(picture(8, 9), hidden_features=8, steps=1).save(path)
    return path


def test_a_model_is_that_of_the_function(saved, tmp_path, capsys):
    pytest.importorskip("onnx")
    assert main(["export", str(saved), str(tmp_path / "a.onnx")]) == 0
    siren_sr.export_onnx(siren_sr.Fit.load(saved), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert capsys.readouterr().out == ""


def test_a_page_has_the_name_of_its_file(saved, tmp_path):
    assert main(["export", str(saved), str(tmp_path / "moon.html")]) == 0
    assert "<title>moon</title>" in (tmp_path / "moon.html").read_text(encoding="utf-8")


def test_refused(saved, tmp_path, capsys):
    pytest.importorskip("onnx")
    (tmp_path / "there.onnx").write_text("mine")
    for words, told in (
        ([str(saved), str(tmp_path / "a.pt")], "a fit is exported to .onnx or .html, got"),
        ([str(saved), str(tmp_path / "no" / "a.onnx")], "there is no folder"),
        ([str(tmp_path / "no.safetensors"), str(tmp_path / "a.onnx")], "no.safetensors"),
        ([str(saved), str(tmp_path / "there.onnx"), "--no-clobber"], "exists, and --no-clobber was given"),
    ):
        assert main(["export", *words]) == 1
        assert told in capsys.readouterr().err
    assert (tmp_path / "there.onnx").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.safetensors", "there.onnx"]
