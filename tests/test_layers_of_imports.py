"""A file imports only from files above it: read from the source, imports inside functions included."""

import ast
from pathlib import Path

import pytest

import siren_sr

PACKAGE = Path(siren_sr.__file__).parent
LAYERS = [
    "io",
    "coordinates",
    "assembly",
    "signals",
    "init",
    "layers",
    "siren",
    "derivatives",
    "integration",
    "focus",
    "tangent",
    "omega",
    "metrics",
    "banded",
    "resampling",
    "spectrogram",
    "loss",
    "objectives",
    "optimizers",
    "recipes",
    "fused",
    "evaluation",
    "training",
    "tiles",
    "tiling",
    "fit",
    "fitting",
    "poisson",
    "degradation",
    "similarity",
    "pixels",
    "hourglass",
    "corrections",
    "restoration",
    "prior",
    "strategies",
    "checks",
    "transparency",
    "superres",
    "plots",
    "reproduce",
    "terminal",
    "commands",
    "cli",
]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path):
    """The module, or the folder, that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """The rooms that a file imports from."""
    package = ["siren_sr", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == "siren_sr":
                yield rest[0] if rest else ""


def test_every_file_has_its_place():
    assert FILES
    assert {room(path) for path in FILES} <= set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_are_from_above(path):
    place = LAYERS.index(room(path))
    for name in imported(path):
        # What the package itself offers (`from siren_sr import fit_signal`) is for the last rooms.
        if name not in LAYERS:
            assert room(path) in ("reproduce", "commands", "cli", "plots"), f"{room(path)} imports siren_sr.{name}"
        else:
            assert name == room(path) or LAYERS.index(name) < place, f"{room(path)} imports {name}, which lies below it"
