"""What decoders say beside their result: it never reaches the user's terminal, and damage that it tells is an error.

Libraries in C write to the process's standard error, others into the log of their name, and Pillow gives warnings.
Some of it tells that pixels or samples are damaged, though the decoder goes on and returns something; `complain`
makes an error of that. The rest, such as notes on odd metadata, is dropped.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator

_LOCK = threading.RLock()
_MOST = 2**20  # bytes that are kept of what is said
if hasattr(os, "register_at_fork"):  # a process must not be copied while its standard error is led elsewhere
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@contextlib.contextmanager
def hushed(*, libraries: bool = False) -> Iterator[list[str]]:
    """Collect what decoders say within, instead of letting it reach the terminal.

    Args:
        libraries: whether libraries in C are listened to as well. Standard error belongs to the whole process, so
            that this is done one thread at a time and only around decoders that are known to write there. What
            other threads write there meanwhile is passed on afterwards.

    Yields:
        The list of messages, complete when the block ends.
    """
    said: list[str] = []
    _EAR.listeners.append(said)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_EAR)  # adding it again changes nothing
    try:
        with _PILLOWS_WARNINGS, _standard_error(said) if libraries else contextlib.nullcontext():
            yield said
    finally:
        _EAR.listeners.remove(said)


def complain(said: Iterable[str]) -> None:
    """Raise an OSError if the messages tell that what was decoded is damaged."""
    serious = [line for line in said if not any(pattern.search(line) for pattern in _HARMLESS)]
    if serious:
        more = f" (and {len(serious) - 1} more complaints)" if len(serious) > 1 else ""
        raise OSError(f"it is damaged; its decoder says: {serious[0]}{more}")


class _Ear(logging.Filter, threading.local):
    """Takes the records of the threads that are inside `hushed`, and lets those of all other threads pass."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[list[str]] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if not self.listeners:
            return True
        if record.levelno >= logging.WARNING:
            self.listeners[-1].append(f"{record.name}: {record.getMessage()}")
        return False


class _Silence:
    """Ignores Pillow's warnings while at least one thread is within.

    The filters of warnings belong to the whole process. If each thread put them back on its own, the last one could
    put back what it found while another was within, which would silence Pillow for ever.
    """

    def __init__(self) -> None:
        self._lock, self._within = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._within += 1
            if self._within == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                self._filters.__exit__(None, None, None)


@contextlib.contextmanager
def _standard_error(said: list[str]) -> Iterator[None]:
    """Lead the process's standard error into a file meanwhile; its lines go into `said` or, if no decoder's, back."""
    with _LOCK, contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # then the decoders are heard on the terminal, which is better than nothing
            yield
            return
        try:
            before = os.dup(2)
        except OSError:
            before = None  # it was closed, and the file may have got its number
        if file.fileno() != 2:
            os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            if before is not None:
                os.dup2(before, 2)
                os.close(before)
            elif file.fileno() != 2:
                os.close(2)
            file.seek(0)
            others = []
            for line in file.read(_MOST).splitlines(keepends=True):
                text = line.decode("utf-8", "replace").strip()
                if any(pattern.match(text) for pattern in _VOICES):
                    said.append(text)
                else:
                    others.append(line)
            if others and before is not None:
                with contextlib.suppress(OSError):
                    os.write(2, b"".join(others))


_EAR, _PILLOWS_WARNINGS = _Ear(), _Silence()
_LOGGERS = ("tifffile", "imagecodecs", "PIL.TiffImagePlugin")
_VOICES = (
    # libtiff inside Pillow names the function, such as Fax4Decode, or the file as Pillow calls it.
    re.compile(
        r"(?!\w*(Error|Exception|Warning|Interrupt):)(\w*([a-z]\w*[A-Z]|[A-Z]\w*[a-z])\w*|tempfile\.tif|): .*\.$"
    ),
    # libmpg123 inside libsndfile
    re.compile(r"\[.*libmpg123/.*\] (error|warning)|Note: |Warning: (Xing|Big change|Encountered|Real sample)"),
    # libjpeg inside jpeglib
    re.compile(
        r"(Corrupt|Premature end of|Unsupported|Invalid) JPEG |JPEG datastream |Bogus [A-Z]|Bogus (marker|sampling) |"
        r"Unsupported marker |Invalid (SOS|component|progressive) |Inconsistent progression |Huffman table 0x|"
        r"(Quantization|Arithmetic) table 0x|Image too big|Empty JPEG image|Warning: unknown JFIF "
    ),
)
# The tags of TIFF that the pixels depend on: size, coding, places of the parts, predictor, palette, alpha, ...
_LAYOUT = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 338, 339)
_LAYOUT_NAMES = (
    "ImageWidth|ImageLength|BitsPerSample|Compression|PhotometricInterpretation|FillOrder|Strip|SamplesPerPixel|"
    "RowsPerStrip|PlanarConfiguration|Options|Predictor|ColorMap|Tile|ExtraSamples|SampleFormat|YCbCr|JPEG|Reference"
)
_HARMLESS = (
    # TIFF: everything about other tags
    re.compile(rf"^tifffile: (?!.*<tifffile\.TiffTag ({'|'.join(map(str, _LAYOUT))}) @)"),
    re.compile(rf"^(TIFFFetchNormalTag|_TIFFVSetField): (?!.*({_LAYOUT_NAMES}))|: Warning,"),
    # PNG: bytes behind the last pixel, a palette that nothing uses, and advice to the caller
    re.compile(r"PNG warning: (IDAT: (Extra compressed data|Too much image data)|PLTE: ignored|Interlace handling)"),
    # JPEG: bytes that nothing reads, and a number of a version
    re.compile(r"Corrupt JPEG data: \d+ extraneous bytes before marker|Warning: unknown JFIF "),
    # MP3: tags and padding between the frames, and how exactly one could jump
    re.compile(r"Note: |Warning: |\] warning: "),
)
