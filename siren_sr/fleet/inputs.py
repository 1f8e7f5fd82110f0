"""Which images a run works on, and what their results are called.

The names of the results mirror the tree of the inputs below the deepest folder that all inputs share, so that equal
names in different folders stay apart.
"""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from siren_sr import io
from siren_sr.io.atomic import PathLike

READABLE = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".avif", ".tga", ".ppm", ".pgm", ".pnm")
"""Files with these extensions are taken for images where a folder or a pattern is given."""
MANIFESTS = (".txt", ".csv")
WILDCARDS = "*?["
HEADERS = (["in", "out"], ["input", "output"])  # a first line of a .csv that names its columns


@dataclass(frozen=True)
class Pair:
    """An image file and the file that it is to become, as absolute paths."""

    source: str
    target: str


@dataclass(frozen=True)
class _Found:
    """An image that was found: its file, the folder of what the user gave, and the output where that is told."""

    source: str
    root: str
    target: str | None = None


def pairs(
    inputs: PathLike | Sequence[PathLike], out: PathLike, *, recursive: bool = True, format: str | None = None
) -> list[Pair]:
    """Find the images of a run and name their results.

    Args:
        inputs: Folders, patterns such as "photos/**/*.jpg", manifests or image files; one, or a sequence. In folders
            and patterns, files count that have one of the extensions `READABLE`; hidden files and folders do not, nor
            does what lies in ``out``. A manifest is a .txt file with the path of one image in every line, or a .csv
            file with lines IN or IN,OUT. IN is relative to the folder of the manifest, and OUT to ``out``. Empty lines
            and those that begin with # are skipped.
        out: The folder of the results.
        recursive: Whether folders within folders count.
        format: Extension of the results without its dot, such as "png". Default: that of the input, or "png" where such
            files can only be read.

    Returns:
        The pairs, in the order of the inputs; folders and patterns are sorted.

    Raises:
        ValueError: Nothing was found, an input was given twice, two inputs have the same output, or an output is an
            input; the text says which and what to do.
        OSError: An input does not exist, or a manifest cannot be read.
        TypeError: An input is not a path.
    """
    extension = _extension(format)
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    out = os.path.abspath(out)
    found: list[_Found] = []
    for entry in given:
        if not isinstance(entry, str | os.PathLike):
            raise TypeError(f"inputs must be paths or patterns, got {type(entry).__name__}")
        text = os.fspath(entry)
        more = list(_find(text, out, recursive=recursive))
        if not more:
            raise ValueError(f"there are no images in {text}: files with one of {', '.join(READABLE)} were looked for")
        found += more
    if not found:
        raise ValueError("no inputs were given: give folders, patterns, manifests or image files")
    result = _named(found, out, extension)
    _check(result)
    return result


def stands_for_many(text: PathLike) -> bool:
    """Return whether an input stands for many images: a folder, a manifest, or a pattern that is no file's name."""
    text = os.fspath(text)
    if os.path.isdir(text) or text.lower().endswith(MANIFESTS):
        return True
    return not os.path.lexists(text) and any(c in text for c in WILDCARDS)


def _find(text: str, out: str, *, recursive: bool) -> Iterator[_Found]:
    """Yield the images that an input stands for."""
    if os.path.isdir(text):
        root = os.path.abspath(text)
        for path in _walk(root, out, recursive=recursive):
            yield _Found(path, root)
    elif text.lower().endswith(MANIFESTS):
        yield from _listed(text)
    elif stands_for_many(text):
        root = os.path.abspath(_fixed(text))
        for path in sorted(glob.glob(text, recursive=True)):
            path = os.path.abspath(path)
            if _is_image(path) and os.path.isfile(path) and not _inside(path, out):
                yield _Found(path, root)
    elif os.path.lexists(text):
        path = os.path.abspath(text)
        yield _Found(path, os.path.dirname(path))
    else:
        raise FileNotFoundError(f"there is no file or folder {text}")


def _walk(root: str, out: str, *, recursive: bool) -> Iterator[str]:
    """Yield the images below a folder in the order of their names."""

    def unreadable(error: OSError) -> None:
        raise OSError(error.errno, f"cannot read the folder {error.filename}: {error.strerror}") from error

    for folder, folders, files in os.walk(root, onerror=unreadable):
        hidden_or_out = [f for f in folders if f.startswith(".") or _same(os.path.join(folder, f), out)]
        folders[:] = sorted(set(folders) - set(hidden_or_out)) if recursive else []
        for name in sorted(files):
            if not name.startswith(".") and _is_image(name):
                yield os.path.join(folder, name)


def _listed(manifest: str) -> Iterator[_Found]:
    """Yield the images of a manifest."""
    try:
        with open(manifest, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            lines = stream.read().splitlines()
    except OSError as error:
        raise OSError(error.errno, f"cannot read the manifest {manifest}: {error.strerror or error}") from error
    folder = os.path.dirname(os.path.abspath(manifest))
    table = manifest.lower().endswith(".csv")
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))] if table else [line.strip()]
        if table and number == 1 and [cell.lower() for cell in cells] in HEADERS:
            continue
        if not cells[0] or len(cells) > 2 or "\0" in line:
            raise ValueError(
                f"{manifest}, line {number}: give IN or IN,OUT (names with commas in quotes), got {line!r}"
            )
        source = os.path.abspath(os.path.join(folder, cells[0]))
        yield _Found(source, os.path.dirname(source), cells[1] if len(cells) == 2 and cells[1] else None)


def _named(found: Sequence[_Found], out: str, extension: str | None) -> list[Pair]:
    """Name the results."""
    roots = {one.root for one in found if one.target is None}
    try:
        common = os.path.commonpath(roots) if roots else ""
    except ValueError:
        raise ValueError("the inputs lie on different drives: call once per drive, or name outputs in a .csv") from None
    result = []
    for one in found:
        if one.target is not None:
            result.append(Pair(one.source, os.path.abspath(os.path.join(out, one.target))))
            continue
        stem, own = os.path.splitext(os.path.relpath(one.source, common))
        written = any(own.lower() in kind.extensions for kind in io.IMAGE_FORMATS.values())
        result.append(Pair(one.source, os.path.join(out, stem + (extension or (own if written else ".png")))))
    return result


def _check(found: Iterable[Pair]) -> None:
    """Refuse what would be done twice, and results that would replace each other or an input."""
    sources, targets = dict[str, str](), dict[str, str]()
    for pair in found:
        if (key := os.path.normcase(pair.source)) in sources:
            raise ValueError(f"{pair.source} is given twice: give each image once")
        sources[key] = pair.source
    real = {os.path.realpath(source): source for source in sources.values()}
    for pair in found:
        key = os.path.normcase(os.path.realpath(pair.target))
        if key in targets:
            raise ValueError(
                f"{targets[key]} and {pair.source} would both become {pair.target}: rename one, or name the outputs "
                "in a manifest (.csv with lines IN,OUT)"
            )
        if key in real:
            raise ValueError(f"the output {pair.target} is the input {real[key]}: choose another folder")
        targets[key] = pair.source


def _extension(format: str | None) -> str | None:
    if format is None:
        return None
    known = [extension for kind in io.IMAGE_FORMATS.values() for extension in kind.extensions]
    extension = "." + format.lower().removeprefix(".")
    if extension not in known:
        raise ValueError(f"format={format!r} is unknown: use one of {', '.join(name[1:] for name in known)}")
    return extension


def _fixed(pattern: str) -> str:
    """Return the folder before the first part of a pattern that has a wildcard."""
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if any(c in part for c in WILDCARDS))
    return str(Path(*parts[:fixed]))


def _is_image(path: str) -> bool:
    return path.lower().endswith(READABLE)


def _same(path: str, folder: str) -> bool:
    return os.path.normcase(os.path.abspath(path)) == os.path.normcase(folder)


def _inside(path: str, folder: str) -> bool:
    return os.path.normcase(path).startswith(os.path.join(os.path.normcase(folder), ""))
