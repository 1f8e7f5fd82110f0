"""What each format of sound can hold: found out before any work, and true at its edges."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from alone import IO_ALONE

from siren_sr import io


@pytest.mark.parametrize(("name", "rate", "allowed"), [
    ("a.ogg", 200_001, "OGG holds sample rates of 1 to 200000 Hz; got 200001: write .wav, or resample the sound"),
    ("a.ogg", 240_000, "OGG holds sample rates of 1 to 200000 Hz"),
    ("a.flac", 655_351, "FLAC holds sample rates of 1 to 65535 and 65540 to 655350 in steps of 10 Hz; got 655351"),
    ("a.flac", 65_537, "FLAC holds sample rates"),
    ("a.flac", 88_201, "FLAC holds sample rates"),
    ("a.mp3", 44_101, "MP3 holds sample rates of 8000, 11025, 12000, .* 48000 Hz; got 44101"),
    ("a.mp3", 96_000, "MP3 holds sample rates"),
    ("a.aiff", 2**30, "AIFF holds sample rates of 1 to 1073741823 Hz; got 1073741824"),
    ("a.wav", 2**31, "WAV holds sample rates of 1 to 2147483647 Hz; got 2147483648: resample the sound"),
    ("a.wav", float("inf"), "sample_rate is a whole number of samples per second; got inf"),
    ("a.wav", float("nan"), "sample_rate is a whole number of samples per second; got nan"),
])  # fmt: skip
def test_impossible_rates_are_refused_before_and_after(tmp_path, name, rate, allowed):
    with pytest.raises(ValueError, match=allowed):
        io.check_audio_writable(tmp_path / name, channels=1, dtype="int16", sample_rate=rate)
    with pytest.raises(ValueError, match=allowed):
        io.write_audio(tmp_path / name, np.zeros(9, np.int16), rate)
    assert list(tmp_path.iterdir()) == []


EDGES = (
    IO_ALONE
    + """
import sys, numpy as np
for case in sys.argv[1:]:
    name, rate, channels = case.split()
    samples = np.random.default_rng(0).integers(-9999, 9999, (3000, int(channels)), dtype=np.int16)
    io.write_audio(name, samples, int(rate))
    back = io.read_audio(name)
    print(name, back.sample_rate, 1 if back.samples.ndim == 1 else back.samples.shape[1], flush=True)
"""
)


def test_what_is_allowed_is_written(tmp_path):
    """In a process of its own, since an encoder that is given too much ends the process."""
    cases = ["a.ogg 200000 1", "b.ogg 1 2", "c.ogg 44100 255", "a.flac 655350 8", "b.flac 65540 1", "c.flac 65535 1"]
    cases += ["a.aiff 1073741823 1024", "a.wav 2147483647 1024"]
    result = subprocess.run(
        [sys.executable, "-c", EDGES, *cases], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.stdout.splitlines() == cases, result.stderr


def test_every_rate_of_mp3_is_written(tmp_path):
    if "MP3" not in soundfile.available_formats():
        pytest.skip("this libsndfile writes no MP3")
    for rate in io.AUDIO_FORMATS[".mp3"].rates[0]:
        io.write_audio(tmp_path / "a.mp3", np.zeros(3000, np.int16), rate)
        assert io.read_audio(tmp_path / "a.mp3").sample_rate == rate


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (44100, 2), (22050, 1), (24000, 2), (8000, 1), (48000, 1)])
def test_an_mp3_that_does_not_tell_its_length_is_read_whole(tmp_path, rate, channels):
    """libsndfile alone stops after a third of the first of these, as its bitrate varies."""
    if "MP3" not in soundfile.available_formats():
        pytest.skip("this libsndfile writes no MP3")
    time = np.arange(60_000)
    loud = np.sin(time / 9) * 9000 + (time > 30_000) * np.random.default_rng(0).normal(0, 5000, time.shape)
    samples = np.stack([loud, loud[::-1]][:channels], axis=1).astype(np.int16)
    io.write_audio(tmp_path / "a.mp3", samples, rate)
    data = (tmp_path / "a.mp3").read_bytes()
    whole = io.read_audio(data).samples
    at = max(data[:200].find(mark) for mark in (b"Xing", b"Info"))
    assert at > 0
    silent = data[:at] + bytes(4) + data[at + 4 :]
    # The encoder's delay, which stood in the same frame, is now part of the sound, as is the frame itself.
    for tags in (b"", b"LYRICSBEGIN" + b"x" * 999, b"TAG" + bytes(125)):
        back = io.read_audio(silent + tags).samples
        assert 0 <= len(back) - len(whole) < 6000
        start = next(n for n in range(6000) if np.abs(back[n : n + 500] - whole[:500]).max() < 1e-3)
        np.testing.assert_allclose(back[start : start + len(whole) - 2000], whole[:-2000], atol=1e-3)
    middle = len(silent) // 2
    with pytest.raises(OSError, match=r"it is damaged: .* frames are followed by bytes that are none"):
        io.read_audio(silent[:middle] + bytes(3000) + silent[middle + 3000 :])


def test_channels_and_sizes_are_known_before_the_work(tmp_path):
    with pytest.raises(ValueError, match="OGG holds 1 to 255 channels; got 256"):
        io.check_audio_writable(tmp_path / "a.ogg", channels=256, dtype="int16")
    with pytest.raises(ValueError, match=r"AIFF holds at most 4 GB, got 4400000000 bytes: write \.wav"):
        io.check_audio_writable(tmp_path / "a.aif", channels=2, dtype="int16", length=1_100_000_000)
    io.check_audio_writable(tmp_path / "a.wav", channels=2, dtype="int16", length=1_100_000_000)


@pytest.mark.parametrize(
    ("name", "kind", "subtype"),
    [
        ("a.caf", "CAF", "PCM_16"),
        ("a.w64", "W64", "PCM_16"),
        ("a.voc", "VOC", "PCM_16"),
        ("a.aifc", "AIFF", "PCM_16"),
        ("A.SND", "AU", "PCM_16"),
        ("a.oga", "OGG", "VORBIS"),
        ("a.png", "FLAC", "PCM_16"),  # what is inside counts
    ],
)
def test_a_file_is_a_sound_by_its_content_or_its_name(tmp_path, name, kind, subtype):
    samples = (np.sin(np.arange(4000) / 9) * 20000).astype(np.int16)
    soundfile.write(tmp_path / name, samples, 8000, format=kind, subtype=subtype)
    found = io.read_stream(tmp_path / name)
    assert isinstance(found, io.AudioFile)
    assert (found.format, found.sample_rate, len(found.samples)) == (kind, 8000, 4000)
    with pytest.raises(OSError, match="is not a readable image: it is a sound"):
        io.read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42isom" + bytes(200)),
        ("a.bin", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42isom" + bytes(200)),
        ("a.WMA", b"0&\xb2u\x8ef\xcf\x11" + bytes(200)),
        ("a.aac", b""),
    ],
)
def test_sounds_that_cannot_be_read_are_refused_as_sounds(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OSError, match=r"is not a readable sound file: .+; convert it to WAV or FLAC, with ffmpeg"):
        io.read_stream(tmp_path / name)


def test_an_image_is_an_image_unless_its_name_is_a_sounds(tmp_path):
    pixels = np.zeros((3, 4), np.uint8)
    io.write_image(tmp_path / "a.png", pixels)
    content = (tmp_path / "a.png").read_bytes()
    for name in ("a.png", "a", "a.xyz"):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(io.read_stream(tmp_path / name).pixels, pixels)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(OSError, match="is not a readable sound file"):
        io.read_stream(tmp_path / "a.wav")
