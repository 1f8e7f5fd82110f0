"""The quantized coefficients that a JPEG file holds, exactly."""

from __future__ import annotations

import logging
import os
import tempfile

import numpy as np

from .chatter import complain, hushed
from .image import check_size
from .jpeg import JpegTables, jpeg_tables
from .source import Source, read_source

log = logging.getLogger(__name__)


def read_jpeg_coefficients(source: Source) -> tuple[np.ndarray, ...] | None:
    """Read the quantized DCT coefficients of a JPEG file, sequential or progressive, by Huffman or arithmetic coding.

    Times the file's table they are the coefficients that its decoder starts from. The package jpeglib reads them,
    by libjpeg-turbo.

    Args:
        source: the name of a file, its content as bytes, or a file opened with "rb".

    Returns:
        For each component an int16 array (R, C, 8, 8): rows and columns of blocks, vertical and horizontal frequency.
        It has as many blocks as the component's own rows and columns need, without those that only fill a unit of
        several blocks. None on machines for which jpeglib is not made.

    Raises:
        OSError: the file is no JPEG, or is broken or cut off.
        ValueError: it is lossless, hierarchical or not of 8 bits.
        MemoryError: there is not enough memory.
        TypeError: the source is none of these.
    """
    data, text = read_source(source)
    tables = jpeg_tables(data, text)
    try:
        import jpeglib  # pyright: ignore[reportMissingImports]
    except ImportError as error:  # it has no wheels for some machines, and coefficients can be had from pixels
        if not isinstance(error, ModuleNotFoundError) or error.name != "jpeglib":
            log.info(
                "the package jpeglib is installed but fails, so that coefficients are found from pixels: %s", error
            )
        return None
    assert tables.size is not None
    check_size(*tables.size, bytes_per_pixel=4 * len(tables.sampling))
    handle, name = tempfile.mkstemp(suffix=".jpg")  # the package reads named files only
    said: list[str] = []
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        with hushed(libraries=True) as said:
            image = jpeglib.read_dct(name)
            planes = (image.Y, image.Cb, image.Cr, image.K)[: len(tables.sampling)]
        complain(said)
    except OSError as error:
        raise OSError(f"cannot read the coefficients of {text}: {said[0] if said else error}") from error
    finally:
        os.unlink(name)
    shapes = blocks(tables)
    if any(plane is None or min(plane.shape[:2]) < 1 for plane in planes):
        raise OSError(f"cannot read the coefficients of {text}: a component is missing")
    return tuple(
        np.ascontiguousarray(plane[: shape[0], : shape[1]], np.int16)
        for plane, shape in zip(planes, shapes, strict=True)
    )


def blocks(tables: JpegTables) -> tuple[tuple[int, int], ...]:
    """Return the rows and columns of blocks of each component.

    Raises:
        ValueError: the tables do not tell the size of the picture.
    """
    if tables.size is None:
        raise ValueError("the tables must tell the size of the picture; got size=None")
    (height, width), most = tables.size, [max(pair[i] for pair in tables.sampling) for i in (0, 1)]
    return tuple((-(-height * v // (8 * most[0])), -(-width * h // (8 * most[1]))) for v, h in tables.sampling)
