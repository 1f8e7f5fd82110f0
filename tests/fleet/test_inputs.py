import os
from pathlib import Path

import pytest

from siren_sr.fleet.inputs import pairs, stands_for_many


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Empty files, whose names decide what is found."""
    names = ("in/x.png", "in/a/x.png", "in/a/b/y.JPG", "in/a/z.gif", "in/notes.md", "in/.hidden.png", "in/.git/q.png")
    for name in (*names, "more/x.png", "more/x.tif"):
        Path(tmp_path, name).parent.mkdir(parents=True, exist_ok=True)
        Path(tmp_path, name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(inputs, out="out", **options):
    """Inputs and outputs, relative to the working directory."""
    return [(os.path.relpath(p.source), os.path.relpath(p.target)) for p in pairs(inputs, out, **options)]


def test_a_folder_is_mirrored(tree):
    expected = [("in/x.png", "out/x.png"), ("in/a/x.png", "out/a/x.png"), ("in/a/z.gif", "out/a/z.png")]
    assert found("in") == [*expected, ("in/a/b/y.JPG", "out/a/b/y.JPG")]
    assert found(tree / "in", recursive=False) == expected[:1]
    assert found("in/", format="tif") == [(a, os.path.splitext(b)[0] + ".tif") for a, b in found("in")]


def test_patterns_and_files_are_mirrored_below_the_folder_that_they_share(tree):
    assert found("in/*") == [("in/x.png", "out/x.png")]
    assert found("in/**/x.*") == [("in/a/x.png", "out/a/x.png"), ("in/x.png", "out/x.png")]
    assert found(["in/x.png", "more/x.png"]) == [("in/x.png", "out/in/x.png"), ("more/x.png", "out/more/x.png")]
    assert found(["in/a", "more/*.tif"])[0] == ("in/a/x.png", "out/in/a/x.png")
    assert found("in/a/x.png") == [("in/a/x.png", "out/x.png")]
    Path("in/[1].png").touch()
    assert not stands_for_many("in/[1].png")
    assert found("in/[1].png") == [("in/[1].png", "out/[1].png")]  # a file's own name is no pattern


def test_results_among_the_inputs_are_not_enlarged_again(tree):
    Path("in/out").mkdir()
    Path("in/out/x.png").touch()
    assert len(found("in", "in/out")) == len(found("in/**/*", "in/out")) == 4


def test_manifests(tree):
    Path("in/list.txt").write_bytes(b"\xef\xbb\xbfx.png\r\n\r\n# a comment\na/x.png\nwith, comma\xff.png\n")
    last = os.fsdecode(b"with, comma\xff.png")
    assert found("in/list.txt") == [
        ("in/x.png", "out/x.png"), ("in/a/x.png", "out/a/x.png"), (f"in/{last}", f"out/{last}")
    ]  # fmt: skip
    Path("list.csv").write_text(f'in,out\nin/x.png,one.tif\n"in/a/x.png"\n{tree}/more/x.png, deep/er.png\n')
    assert found("list.csv") == [
        ("in/x.png", "out/one.tif"), ("in/a/x.png", "out/x.png"), ("more/x.png", "out/deep/er.png")
    ]  # fmt: skip
    for line in ("a,b,c", ",b", "a\0b"):
        Path("bad.csv").write_text("in/x.png\n" + line)
        with pytest.raises(ValueError, match=r"bad.csv, line 2: give IN or IN,OUT"):
            pairs("bad.csv", "out")


def test_what_would_be_done_twice_or_lost_is_refused(tree):
    for inputs, out, options, text in (
        (["in", "in/x.png"], "out", {}, r"in/x.png is given twice"),
        ("more", "out", {"format": "png"}, r"more/x.png and .*more/x.tif would both become .*out/x.png: rename one"),
        ("more", "more", {}, r"the output .*more/x.png is the input"),
        ("in/*.md", "out", {}, r"there are no images in in/\*.md"),
        ([], "out", {}, "no inputs were given"),
        ("in", "out", {"format": "gif"}, r"format='gif' is unknown: use one of png, tif"),
    ):
        with pytest.raises(ValueError, match=text):
            pairs(inputs, out, **options)
    os.symlink("more", "link")
    with pytest.raises(ValueError, match="is the input"):
        pairs("more", "link")
    with pytest.raises(FileNotFoundError, match="there is no file or folder none"):
        pairs(["in", "none"], "out")
    with pytest.raises(OSError, match="cannot read the manifest none"):
        pairs("none.csv", "out")
    with pytest.raises(TypeError, match="paths or patterns, got int"):
        pairs([3], "out")
