"""What is released: the archives hold what they should, and the wheel works where no checkout is."""

import email.parser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import siren_sr

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "siren_sr"
TOOLS = all(importlib.util.find_spec(name) for name in ("build", "hatchling", "pip"))
needs_tools = pytest.mark.skipif(not TOOLS, reason="needs build and hatchling, of the dev extra")


def run(*command, **more):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **more)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive, and the wheel that is built from nothing but it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory):
    """A folder with the installed wheel; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", folder, archives[1])
    return folder


def package():
    """The files of the package in the checkout, relative to it."""
    files = (path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


@needs_tools
def test_the_wheel_holds_the_package_and_nothing_else(archives):
    with zipfile.ZipFile(archives[1]) as wheel:
        names = set(wheel.namelist())
        (about,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = email.parser.Parser().parsestr(wheel.read(f"{about}/METADATA").decode())
        scripts = wheel.read(f"{about}/entry_points.txt").decode()
    assert {name for name in names if not name.startswith(about)} == package()
    assert {"siren_sr/py.typed", "siren_sr/superres/learned/photographs.safetensors"} <= names
    assert f"{about}/licenses/LICENSE" in names
    assert metadata["Version"] == siren_sr.__version__
    assert "siren-sr = siren_sr.cli:main" in scripts
    assert archives[1].stat().st_size < 3e6


@needs_tools
def test_the_source_archive_is_complete(archives):
    with tarfile.open(archives[0]) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert package() <= names
    folders = ("tests", "docs", "examples", "benchmarks")
    expected = {path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.*")}
    assert {name for name in expected if "__pycache__" not in name and (ROOT / name).is_file()} <= names
    assert {"README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "mkdocs.yml"} <= names
    assert not [name for name in names if "__pycache__" in name or name.split("/")[0] in {".git", "site", "dist"}]
    assert archives[0].stat().st_size < 12e6


@needs_tools
def test_the_installed_wheel_works_without_the_checkout(installed, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONPATH"] = str(installed)
    here = {"cwd": tmp_path, "env": environment}
    assert Path(run(sys.executable, "-c", "import siren_sr; print(siren_sr.__file__)", **here).strip()).is_relative_to(
        installed
    )
    with Image.open(ROOT / "docs" / "images" / "chelsea.png") as image:
        image.crop((120, 90, 160, 120)).save(tmp_path / "small.png")
    command = shutil.which("siren-sr", path=installed / "bin") or installed / "Scripts" / "siren-sr.exe"
    # The shipped weights are asked: without them the prior would be silently another.
    run(command, "super-resolve", "small.png", "large.png", "--scale", "2", "--quality", "fast", **here)
    with Image.open(tmp_path / "large.png") as image:
        assert image.size == (80, 60)
    example = shutil.copy(ROOT / "examples" / "compositing.py", tmp_path)
    run(sys.executable, example, "sheet.png", "--steps", "2", "--size", "24", "32", **here)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size[0] > 3 * 32


def test_the_citation_has_the_version():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format requires
    assert citation["version"] == siren_sr.__version__
    titles = [reference["title"] for reference in citation["references"]]
    assert "Sinusoidal Representation Network for Single Image Super Resolution" in titles
    assert all(reference["authors"] for reference in citation["references"])


def test_the_changelog_tells_of_the_version():
    assert re.search(rf"^## \[{re.escape(siren_sr.__version__)}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
