"""How a given image was compressed: what its file says, what its pixels show, or what the user says."""

from __future__ import annotations

import logging
from typing import Any, Final, Literal

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.io import ImageFile, JpegTables, pillow_jpeg_tables, read_jpeg_coefficients, read_jpeg_tables
from siren_sr.signals import Signal
from siren_sr.signals.orientation import turn_back
from siren_sr.superres.compression.codec import supported
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.jpeg_set import JpegSet
from siren_sr.superres.compression.recognition import recognise

log = logging.getLogger(__name__)

AUTO: Final = "auto"
JPEG: Final = "jpeg"
Compression = JpegTables | Compressed | Literal["auto", "jpeg"] | None
"""What a user may say of how an image was compressed; `siren_sr.super_resolve` tells what it means."""

FINEST = 99  # from this quality on, steps are hardly wider than the rounding to 8 bits, and nothing is left to mend
CERTAIN = 0.25  # share of the image that must be what its tables make of it; the rest may be clipped or painted over
NEAR = 2 / 255  # most values of a decoded image lie so near to its set; where colour is coarse, decoders smooth it


def check_compression(compression: Any) -> None:
    """Check what a user says of a compression, as far as the image is not needed.

    Raises:
        ValueError: An unknown name, or tables of a kind that is not supported.
        TypeError: Anything else than a name, tables, `Compressed` or None.
    """
    if isinstance(compression, str):
        arguments.choice("compression", compression, (AUTO, JPEG))
    elif isinstance(compression, JpegTables):
        supported(compression)
    elif compression is not None and not isinstance(compression, Compressed):
        raise TypeError(
            f'compression must be "{AUTO}", "{JPEG}", siren_sr.io.JpegTables or None, got {type(compression).__name__}'
        )


def find(image: Any, data: Signal, compression: Compression) -> Compressed | None:
    """Find how an image was compressed.

    Args:
        image: What the user gave.
        data: The same as a signal, upright.
        compression: What the user says of it.

    Returns:
        What is known; None if the image was not compressed, or so little that only rounding is lost.

    Raises:
        ValueError: The user says that it was compressed, and it was not, or not so.
    """
    if compression is None or data.origin.contrast == 0:
        return None
    if isinstance(compression, Compressed):
        if compression.shape != tuple(data.values.shape):
            raise ValueError(
                f"compression= is that of an image of shape {compression.shape}, not {tuple(data.values.shape)}"
            )
        return compression.to(data.values)
    if isinstance(compression, JpegTables):
        return _as_told(data, compression)
    is_file = data.origin.container in ("pil", "image file")
    tables = _tables_of_file(image, data) if is_file else None
    found = None if tables is None or tables.quality >= FINEST else _of_file(data, tables)
    if tables is None and (compression == JPEG or (is_file and data.origin.dtype == "uint8")):
        tables = recognise(_stored(data)[0])
        found = None if tables is None else _of_pixels(data, tables)
    if compression == JPEG and found is None and (tables is None or tables.quality < FINEST):
        raise ValueError(
            'compression="jpeg" was asked for, but the image is no JPEG file and shows no certain traces of one: give '
            "its tables (siren_sr.io.JpegTables), or leave compression out"
        )
    if found is not None:
        log.info("the image is a JPEG of about quality %d, which is reckoned with", found.tables.quality)
    return found


def _as_told(data: Signal, tables: JpegTables) -> Compressed | None:
    """The set of an image of which the user knows the tables."""
    channels, rows, columns = _stored(data).shape[1:]
    if channels != len(tables.sampling):
        raise ValueError(
            f"compression= has tables for {len(tables.sampling)} components ({tables.colour}), but the image has "
            f"{channels} channels"
        )
    if tables.size not in (None, (rows, columns)):
        raise ValueError(f"compression= has the tables of a file of {tables.size} pixels, not of {(rows, columns)}")
    if tables.quality >= FINEST:
        return None
    found = _of_pixels(data, tables)
    if found is None:
        raise ValueError(
            "compression= does not fit the image: less than a quarter of its blocks of 8x8 pixels are what these "
            "tables leave; an image that was cut, resized or changed after it was decoded has lost them"
        )
    return found


def _tables_of_file(image: Any, data: Signal) -> JpegTables | None:
    """What a JPEG file says of its compression; None where it is none, or says what cannot be used."""
    content = _content(data)
    try:
        tables = pillow_jpeg_tables(image) if content is None else read_jpeg_tables(content)
        if tables is None or (len(tables.sampling), *(tables.size or ())) != tuple(_stored(data).shape[1:]):
            return None
        supported(tables)
    except (OSError, ValueError) as reason:
        log.info("how the file was compressed is not used: %s", reason)
        return None
    return tables


def _of_file(data: Signal, tables: JpegTables) -> Compressed | None:
    """The set of a JPEG file; None if the pixels are no longer those of the file."""
    content, coefficients = _content(data), None
    try:
        coefficients = None if content is None else read_jpeg_coefficients(content)
    except OSError as reason:  # the decoder of the pixels bears more; these are enough
        log.info("%s", reason)
    if coefficients is None:
        return _of_pixels(data, tables)
    stored = _stored(data)
    parts = [torch.from_numpy(part)[None] for part in coefficients]
    members = JpegSet.of_coefficients(parts, tables, stored.shape[-2:], like=stored)
    away = (members.project(stored) - stored).abs()
    return _with_range(data, members, tables) if float((away <= NEAR).double().mean()) >= CERTAIN else None


def _of_pixels(data: Signal, tables: JpegTables) -> Compressed | None:
    """The set of an image of which only pixels and the tables are left; None if they do not fit together."""
    members = JpegSet.of_images(_stored(data), tables)
    known = torch.isfinite(members.radii[0][..., 0, 0])
    if not known.numel() or float(known.double().mean()) < CERTAIN:
        return None
    return _with_range(data, members, tables)


def _with_range(data: Signal, members: JpegSet, tables: JpegTables) -> Compressed:
    origin = data.origin
    return Compressed(members, tables, origin.turn, origin.low / origin.full, origin.contrast)


def _content(data: Signal) -> bytes | None:
    """The content of the JPEG file, as far as it is at hand."""
    return data.origin.info.jpeg if isinstance(data.origin.info, ImageFile) else None


def _stored(data: Signal) -> Tensor:
    """The image as its file has it, (1, C, h, w) in [0, 1]."""
    return turn_back(data.unit, data.origin.turn)[None]
