"""Sound files are read and written by libsndfile (through soundfile) and can keep the coding that they came in."""

from __future__ import annotations

import io
import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .atomic import atomic_write, check_folder
from .chatter import complain, hushed
from .memory import check_memory
from .mp3 import Counted, counted, is_mpeg
from .names import PathLike, check_name, data_type, shown
from .source import Source, read_source

SOUND_SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc"),
    *(".au", ".snd", ".caf", ".voc", ".m4a", ".m4b", ".aac", ".wma", ".amr", ".ape", ".wv", ".mka", ".spx"),
)
"""The endings of the names of sounds, in lower case. libsndfile cannot read the last line's from .m4a on."""

_ADVICE = "convert it to WAV or FLAC, with ffmpeg for example"
_MAX_RIFF_BYTES = 2**32 - 2**16


@dataclass(frozen=True, eq=False)
class AudioFile:
    """A sound as its file stores it.

    Attributes:
        samples: (T,) for mono, or (T, C). The dtype is int16 for 16 bits or fewer, int32 for more (24 bits lie
            in the upper three bytes), float32 or float64; lossy formats such as OGG and MP3 give float32.
        sample_rate: samples per second and channel.
        subtype: libsndfile's name of the coding, such as "PCM_16".
        format: libsndfile's name of the container, such as "WAV".
    """

    samples: np.ndarray
    sample_rate: int
    subtype: str
    format: str


@dataclass(frozen=True)
class AudioFormat:
    """What a format can hold; beyond these limits libsndfile writes wrong files or ends the whole process.

    Attributes:
        name: libsndfile's name of the format.
        subtypes: libsndfile's name of the coding for each dtype that the format can hold.
        max_channels: the most channels.
        rates: the sample rates, as ranges or lists that follow each other.
        max_bytes: the largest number of bytes of samples, or None for no limit.
    """

    name: str
    subtypes: dict[str, str]
    max_channels: int = 1024
    rates: tuple[Sequence[int], ...] = (range(1, 2**31),)
    max_bytes: int | None = None

    def allowed_rates(self) -> str:
        """Return the sample rates as words for an error's text."""
        words = []
        for rates in self.rates:
            if isinstance(rates, range):
                steps = f" in steps of {rates.step}" if rates.step > 1 else ""
                words.append(f"{rates[0]} to {rates[-1]}{steps}")
            else:
                words.append(", ".join(map(str, rates)))
        return " and ".join(words)


def read_audio(source: Source) -> AudioFile:
    """Read a sound file exactly as stored (WAV, FLAC, OGG, AIFF, MP3 and whatever else libsndfile reads).

    Args:
        source: the name of a file, its content as bytes, or a file opened with "rb", such as an io.BytesIO, which
            is read from its beginning and then put back to where it was.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file is broken, cut off, no regular file or not a sound, or its decoder reports damage.
        ValueError: the file holds no samples, or its name is empty or holds a NUL character.
        MemoryError: there is not enough memory for the samples, as far as the header tells.
        TypeError: the source is none of these, or a file opened as text.
    """
    return decode_sound(*read_source(source))


def is_sound(data: bytes) -> bool:
    """Return whether the first bytes of a file are those of a sound."""
    starts = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"riff", b"caff", b"Creative Voice File")
    return is_mpeg(data) or data.startswith(starts) or data[4:11] in (b"ftypM4A", b"ftypM4B")


def decode_sound(data: bytes, text: str) -> AudioFile:
    """Return the sound in the content of a file, which an error's text calls `text`; errors as `read_audio`."""
    import soundfile

    try:
        # libmpg123 writes to standard error; it is asked for what begins like no other kind, too, and within WAV.
        with hushed(libraries=not data.startswith((b"fLaC", b"OggS", b"FORM"))) as said:
            audio = _decode(data, counted(data) if is_mpeg(data) else None)
        complain(said)
        if len(data) + 1 < _declared_size(data):  # the last byte may be missing where it is padding
            raise OSError("the file is cut off")
    except MemoryError as error:
        raise MemoryError(f"not enough memory to read {text}: {error or 'cut it into parts'}") from error
    except (RuntimeError, OSError, TypeError, ValueError, struct.error) as error:
        # LibsndfileError is a RuntimeError; its whole text names the object in memory that was read.
        reason = error
        if isinstance(error, soundfile.LibsndfileError):
            unknown = error.code == 1 or not data
            reason = f"{error.error_string.rstrip('.')}; {_ADVICE}" if unknown else error.error_string
        raise OSError(f"{text} is not a readable sound file: {reason}") from error
    if not len(audio.samples):
        raise ValueError(f"{text} holds no samples")
    return audio


def _decode(data: bytes, known: Counted | None = None) -> AudioFile:
    """Return the samples of a whole sound file; libsndfile reads what is there and tells of no missing part.

    Args:
        data: the file.
        known: what is known of an MP3 whose length libsndfile can only guess.
    """
    import soundfile

    with _Bytes(data) as stream, soundfile.SoundFile(stream) as file:
        dtype: Any = _AUDIO_DTYPES.get(file.subtype, "float32")
        if known and file.frames < known.samples:
            return _decode(known.indexed)
        expected = file.frames
        shape = (expected, file.channels)
        # No coding reaches this, not even for silence.
        if math.prod(shape) * np.dtype(dtype).itemsize > 2**17 * len(data):
            raise OSError(f"its header promises {expected} samples, which cannot lie in {len(data)} bytes")
        check_memory(shape, dtype, what="for its samples", advice="cut it into parts")
        samples = file.read(dtype=dtype)
        if len(samples) < (known.samples - known.slack if known else expected) or stream.lost:
            raise OSError("the file is cut off")
        return AudioFile(samples, file.samplerate, file.subtype, file.format)


class _Bytes(io.BytesIO):
    """Bytes in which libsndfile may look for a place that is none, without the traceback that would be printed."""

    lost = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            self.lost = True
            return super().tell()


def _declared_size(data: bytes) -> int:
    """Return the size of the file that its header declares, or 0 if it declares none.

    A program that writes into a pipe declares the most that the format can, 2 or 4 GB.
    """
    if data[:4] == b"RF64" and data[12:16] == b"ds64":
        size = struct.unpack_from("<Q", data, 20)[0] + 8
        return size if size < 2**63 else 0
    order = {b"RIFF": "<", b"FORM": ">"}.get(data[:4])  # WAV is little-endian, AIFF big-endian
    size = struct.unpack_from(order + "I", data, 4)[0] + 8 if order else 0
    return size if size < 2**31 - 2**16 else 0


def check_audio_writable(
    path: PathLike, *, channels: int, dtype: Any, sample_rate: float | None = None, length: int | None = None
) -> None:
    """Raise, before any computing, what `write_audio` would raise after it.

    Args:
        path: the sound file to be written.
        channels: number of channels.
        dtype: int16, int32, float32 or float64.
        sample_rate: samples per second and channel, if known; formats differ in what they can hold.
        length: samples per channel, if known; some formats have a largest size.

    Raises:
        ValueError: the extension is unknown, or the format cannot hold such samples.
        OSError: the folder is missing or not writable, or `path` is a folder.
    """
    extension, values = os.path.splitext(check_name(path))[1].lower(), data_type(dtype).name
    if extension not in AUDIO_FORMATS:
        problem = f"unknown sound extension {extension!r}" if extension else "no extension"
        raise ValueError(f"cannot write {shown(path)}: {problem}; use one of {', '.join(AUDIO_FORMATS)}")
    kind = AUDIO_FORMATS[extension]
    if values not in _SUBTYPES:
        raise ValueError(f"samples are int16, int32, float32 or float64; got {values}")
    if values not in kind.subtypes:
        raise ValueError(f"{kind.name} cannot hold {values} samples: write .wav, or convert to int16 or int32")
    if isinstance(channels, bool) or not isinstance(channels, (int, np.integer)):
        raise TypeError(f"channels is a whole number, got {channels!r}")
    if not 1 <= channels <= kind.max_channels:
        raise ValueError(f"{kind.name} holds 1 to {kind.max_channels} channels; got {channels}")
    if sample_rate is not None:
        if isinstance(sample_rate, bool) or not isinstance(sample_rate, (int, float, np.integer, np.floating)):
            raise TypeError(f"sample_rate is a whole number of samples per second; got {sample_rate!r}")
        rate = sample_rate if isinstance(sample_rate, int) else float(sample_rate)
        if not 1 <= rate < 2**63 or rate % 1:
            raise ValueError(f"sample_rate is a whole number of samples per second; got {sample_rate!r}")
        if not any(int(sample_rate) in rates for rates in kind.rates):
            raise ValueError(
                f"{kind.name} holds sample rates of {kind.allowed_rates()} Hz; got {int(sample_rate)}: "
                f"{'' if kind.name == 'WAV' else 'write .wav, or '}resample the sound"
            )
    size = (length or 0) * channels * np.dtype(dtype).itemsize
    if kind.max_bytes and size > kind.max_bytes:
        raise ValueError(f"{kind.name} holds at most {kind.max_bytes / 2**30:.0f} GB, got {size} bytes: write .wav")
    check_folder(path)


def write_audio(path: PathLike, samples: np.ndarray, sample_rate: int, like: AudioFile | None = None) -> None:
    """Write a sound file in the format that the extension of `path` names.

    The coding of `like` is kept where its dtype is that of `samples` and the format can hold this coding.
    Otherwise the coding is the one that holds the dtype exactly, except that FLAC keeps only the upper 24 bits
    of int32. OGG and MP3 are lossy by nature. Titles and other tags are not carried over.

    Args:
        path: where to write; the extension is .wav, .flac, .ogg, .aif, .aiff or .mp3. The file is written
            atomically.
        samples: (T,) or (T, C); int16, int32, float32 or float64, where floats have a full scale of 1.
        sample_rate: samples per second and channel, a whole number.
        like: the sound whose coding is to be kept, as a rule the input.

    Raises:
        ValueError: the shape of `samples` or the sample rate cannot be used, or see `check_audio_writable`,
            which raises it before the computing.
        OSError: see `check_audio_writable`.
        TypeError: `samples` is not an array.
    """
    if sample_rate is None:
        raise TypeError("sample_rate is a whole number of samples per second; got None")
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"samples must be a NumPy array; got {type(samples).__name__}")
    if samples.ndim not in (1, 2) or not samples.size:
        raise ValueError(f"samples must be (T,) or (T, C) with T > 0; got shape {samples.shape}")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    check_audio_writable(path, channels=channels, dtype=samples.dtype, sample_rate=sample_rate, length=len(samples))
    import soundfile

    kind = AUDIO_FORMATS[os.path.splitext(os.fspath(path))[1].lower()]
    name, subtype = kind.name, kind.subtypes[samples.dtype.name]
    kept = like is not None and like.samples.dtype == samples.dtype and like.subtype
    if kept and soundfile.check_format(name, kept):
        subtype = kept
    if name == "WAV" and samples.nbytes > _MAX_RIFF_BYTES:
        name = "RF64"
    # The file is made in memory first, since libsndfile swallows errors of Python streams, such as a full disk.
    stream = io.BytesIO()
    samples = np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
    try:
        with soundfile.SoundFile(stream, "w", int(sample_rate), channels, subtype=subtype, format=name) as file:
            # Samples are written in blocks, since libsndfile's Vorbis encoder overflows the stack on long arrays.
            for start in range(0, len(samples), 2**16):
                file.write(samples[start : start + 2**16])
    except soundfile.LibsndfileError as error:
        raise ValueError(f"cannot write {shown(path)}: {error}; write .wav instead") from error
    atomic_write(path, lambda target: target.write(stream.getbuffer()))


_SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
_AUDIO_DTYPES = {"DOUBLE": "float64"}  # by subtype; a subtype that is not listed is read as float32
_AUDIO_DTYPES |= dict.fromkeys(("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32"), "int32")
_AUDIO_DTYPES |= dict.fromkeys(("PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW", "ALAC_16"), "int16")
_AIFF = AudioFormat("AIFF", _SUBTYPES, rates=(range(1, 2**30),), max_bytes=_MAX_RIFF_BYTES)
_OGG = AudioFormat("OGG", dict.fromkeys(_SUBTYPES, "VORBIS"), max_channels=255, rates=(range(1, 200001),))
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
AUDIO_FORMATS = {
    ".wav": AudioFormat("WAV", _SUBTYPES),
    ".flac": AudioFormat(
        "FLAC",
        {"int16": "PCM_16", "int32": "PCM_24"},
        max_channels=8,
        rates=(range(1, 2**16), range(2**16 + 4, 655351, 10)),
    ),
    ".ogg": _OGG,
    ".oga": _OGG,
    ".aif": _AIFF,
    ".aiff": _AIFF,
    ".mp3": AudioFormat("MP3", dict.fromkeys(_SUBTYPES, "MPEG_LAYER_III"), max_channels=2, rates=(_MP3_RATES,)),
}
