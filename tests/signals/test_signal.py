import io as stdio
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from problems import eight_bit, picture

from siren_sr import io, signals
from siren_sr.grids.coordinates import grid_size
from siren_sr.signals import Assembly, as_signal

RNG = np.random.default_rng(0)


def levels(dtype, shape):
    top = np.iinfo(dtype).max
    return RNG.integers(0, top, shape, dtype=dtype, endpoint=True)


def as_bytes(image, **options):
    stream = stdio.BytesIO()
    image.save(stream, "PNG", **options)
    return stream


# ---- tensors


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 5, 7), (5, 7), (4, 1, 6), (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_float_tensors(shape, dtype, generator):
    image = torch.rand(shape, generator=generator).to(dtype)
    signal = as_signal(image)
    assert signal.values.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    least, most = image.double().aminmax()
    expected = 2 * (image.double() - least) / (most - least) - 1 if most > least else torch.zeros_like(image)
    torch.testing.assert_close(signal.values.reshape(shape).double(), expected.double(), rtol=0, atol=1e-6)
    back = signal.origin.restore(signal.values)
    assert (back.dtype, back.shape, back.device) == (dtype, image.shape, image.device)
    torch.testing.assert_close(back, image, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
@pytest.mark.parametrize("shape", [(3, 5, 7), (5, 7)])
def test_integer_tensors(shape, dtype):
    image = torch.from_numpy(levels(str(dtype).removeprefix("torch."), shape))
    signal = as_signal(image)
    back = signal.origin.restore(signal.values)
    assert back.dtype == dtype
    assert torch.equal(back, image)


def test_the_whole_range_becomes_minus_one_to_one():
    assert as_signal(torch.tensor([[0, 255]], dtype=torch.uint8)).values.tolist() == [[[-1.0, 1.0]]]
    assert as_signal(np.array([[0, 65535]], np.uint16)).values.tolist() == [[[-1.0, 1.0]]]
    assert as_signal(torch.tensor([[0.0, 0.5, 1.0]])).values.tolist() == [[[-1.0, 0.0, 1.0]]]


def test_a_tensor_that_requires_grad():
    image = picture().requires_grad_(True)
    signal = as_signal(image)
    assert not signal.values.requires_grad
    assert not signal.origin.restore(signal.values).requires_grad


def test_the_users_tensor_is_neither_changed_nor_shared():
    image = picture().double()
    before, signal = image.clone(), as_signal(image)
    signal.values.zero_()
    assert torch.equal(image, before)


@pytest.mark.parametrize(
    "view",
    [lambda x: x.mT, lambda x: x[:, ::2, 1::3], lambda x: x.flip(-1), lambda x: x[:1].expand(3, -1, -1)],
)
def test_tensors_that_are_not_contiguous(view):
    image = view(picture())
    signal = as_signal(image)
    torch.testing.assert_close(signal.origin.restore(signal.values), image)


# ---- arrays


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4), (1, 9, 3)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "f2", "<f4", ">f4", "<f8", ">f8"])
def test_arrays(shape, dtype):
    dtype = np.dtype(dtype)
    image = levels(dtype.newbyteorder("="), shape) if dtype.kind == "u" else RNG.random(shape)
    image = image.astype(dtype)
    signal = as_signal(image)
    assert signal.values.dtype == torch.float32
    assert signal.values.shape == ((1, *shape) if len(shape) == 2 else (shape[2], *shape[:2]))
    back = signal.origin.restore(signal.values)
    assert (back.dtype, back.shape) == (dtype.newbyteorder("="), image.shape)
    if dtype.kind == "u":
        np.testing.assert_array_equal(back, image)
    else:
        np.testing.assert_allclose(back, image, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "view", [lambda x: x[::-1], lambda x: x[:, ::-2], lambda x: x.transpose(1, 0, 2), np.asfortranarray]
)
def test_arrays_of_any_layout(view):
    image = view(levels(np.uint8, (6, 8, 3)))
    signal = as_signal(image)
    np.testing.assert_array_equal(signal.origin.restore(signal.values), image)


def test_a_read_only_array_is_accepted_in_silence_and_unchanged():
    image = levels(np.uint8, (4, 5))
    image.flags.writeable = False
    signal = as_signal(image)
    np.testing.assert_array_equal(signal.origin.restore(signal.values), image)


@given(
    st.sampled_from(["uint8", "uint16"]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    )
)
def test_integer_images_come_back_exactly(image):
    for data in (image, torch.from_numpy(image)):
        signal = as_signal(data)
        assert signal.values.abs().max() <= 1
        np.testing.assert_array_equal(np.asarray(signal.origin.restore(signal.values)), image)


@given(hnp.arrays("int16", st.integers(1, 40)))
def test_integer_sounds_come_back_exactly(samples):
    signal = as_signal(samples, sample_rate=8000)
    assert signal.values.abs().max() <= 1
    np.testing.assert_array_equal(signal.origin.restore(signal.values), samples)


@given(hnp.arrays("float64", (2, 3), elements=st.floats(-3, 3)))
def test_results_outside_the_range_are_clipped_and_rounded(values):
    result = as_signal(np.zeros((2, 3), np.uint8)).origin.restore(torch.from_numpy(values)[None])
    levels = np.linspace(-1, 1, 256)  # no other level is nearer to the value, or to where it left the range
    nearest = np.abs(levels - values.clip(-1, 1)[..., None]).min(-1)
    np.testing.assert_allclose(np.abs(levels[result] - values.clip(-1, 1)), nearest, rtol=0, atol=1e-12)


# ---- PIL


@pytest.mark.parametrize(("mode", "shape"), [("L", (5, 7)), ("LA", (5, 7, 2)), ("RGB", (5, 7, 3)), ("RGBA", (5, 7, 4))])
def test_pil_images(mode, shape):
    image = Image.fromarray(levels(np.uint8, shape))
    assert image.mode == mode
    image.info["dpi"], image.info["icc_profile"] = (300, 300), b"profile"
    signal = as_signal(image)
    back = signal.origin.restore(signal.values)
    assert (back.mode, back.size) == (mode, image.size)
    np.testing.assert_array_equal(np.asarray(back), np.asarray(image))
    assert back.info["dpi"] == (300, 300)
    assert back.info["icc_profile"] == b"profile"


def test_pil_one_bit_becomes_gray():
    image = Image.fromarray(RNG.random((5, 7)) > 0.5)
    assert image.mode == "1"
    signal = as_signal(image)
    back = signal.origin.restore(signal.values)
    assert back.mode == "L"
    np.testing.assert_array_equal(np.asarray(back), 255 * np.asarray(image).astype(np.uint8))


def test_pil_sixteen_bit():
    pixels = levels(np.uint16, (5, 7))
    signal = as_signal(Image.fromarray(pixels))
    back = signal.origin.restore(signal.values)
    assert back.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(back), pixels)


@pytest.mark.parametrize(("mode", "read_as"), [("La", "LA"), ("RGBa", "RGBA"), ("PA", "RGBA")])
def test_pil_modes_with_another_alpha(mode, read_as):
    image = Image.fromarray(eight_bit(picture(5, 7))).convert("RGBA" if mode == "RGBa" else "LA")
    image.putalpha(Image.fromarray(levels(np.uint8, (5, 7))))
    given = image.convert(mode)
    if mode == "PA":
        given = Image.new("PA", (7, 5))
        given.putpalette([10, 20, 30] + [200, 100, 50] * 255)
        given.putalpha(77)
    back = as_signal(given).origin.restore(as_signal(given).values)
    assert back.mode == read_as
    np.testing.assert_array_equal(np.asarray(back), np.asarray(given.convert(read_as)))


@pytest.mark.parametrize(("least", "most", "high"), [(0, 40000, 65535), (-5, 900, 900), (3, 10**6, 10**6)])
def test_pil_integers(least, most, high):
    pixels = RNG.integers(least, most, (5, 7), dtype=np.int32)
    pixels[0, 0], pixels[0, 1] = least, most
    signal = as_signal(Image.fromarray(pixels))
    assert signal.origin.high == high
    back = signal.origin.restore(signal.values)
    assert back.mode == "I"
    np.testing.assert_allclose(np.asarray(back), pixels, rtol=0, atol=1)


def test_pil_float():
    pixels = RNG.random((5, 7), dtype=np.float32)
    signal = as_signal(Image.fromarray(pixels))
    back = signal.origin.restore(signal.values)
    assert back.mode == "F"
    np.testing.assert_allclose(np.asarray(back), pixels, atol=1e-7)


@pytest.mark.parametrize("transparency", [None, 3])
def test_pil_palettes(transparency):
    image = Image.fromarray(levels(np.uint8, (5, 7, 3))).quantize(8)
    if transparency is not None:
        image.info["transparency"] = transparency
    signal = as_signal(image)
    back = signal.origin.restore(signal.values)
    expected = image.convert("RGB" if transparency is None else "RGBA")
    assert back.mode == expected.mode
    assert "transparency" not in back.info
    np.testing.assert_array_equal(np.asarray(back), np.asarray(expected))
    if transparency is not None:
        np.testing.assert_array_equal(np.asarray(back)[..., 3] == 0, np.asarray(image) == transparency)


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (1, 2, 3))])
def test_a_transparent_colour_becomes_alpha(mode, key):
    pixels = levels(np.uint8, (4, 6) if mode == "L" else (4, 6, 3))
    pixels[1, 2] = key
    image = Image.open(as_bytes(Image.fromarray(pixels), transparency=key))
    signal = as_signal(image)
    back = np.asarray(signal.origin.restore(signal.values))
    np.testing.assert_array_equal(back[..., -1] == 0, (pixels.reshape(4, 6, -1) == key).all(-1))


# ---- paths


@pytest.mark.parametrize("as_path", [str, lambda path: path, io.read_image])
def test_paths_give_pil_images(tmp_path, as_path):
    pixels = levels(np.uint8, (5, 7, 4))
    Image.fromarray(pixels).save(tmp_path / "a.png", dpi=(72, 72))
    signal = as_signal(as_path(tmp_path / "a.png"))
    back = signal.origin.restore(signal.values)
    assert isinstance(back, Image.Image)
    assert back.info["dpi"] == pytest.approx((72, 72), rel=1e-3)
    np.testing.assert_array_equal(np.asarray(back), pixels)


def test_sixteen_bit_paths(tmp_path):
    for shape, kind in (((5, 7), Image.Image), ((5, 7, 3), np.ndarray)):  # Pillow has no 16-bit colour
        pixels = levels(np.uint16, shape)
        io.write_image(tmp_path / "a.png", pixels)
        signal = as_signal(tmp_path / "a.png")
        back = signal.origin.restore(signal.values)
        assert isinstance(back, kind)
        np.testing.assert_array_equal(np.asarray(back), pixels)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none.png"):
        as_signal(tmp_path / "none.png")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none.wav"):
        as_signal(tmp_path / "none.wav")


# ---- audio


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 2)])
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_sound_arrays(shape, dtype):
    samples = (RNG.uniform(-1, 1, shape) * (1 if dtype.startswith("f") else 20000)).astype(dtype)
    signal = as_signal(samples, sample_rate=8000)
    assert signal.origin.dims == 1
    assert signal.origin.sample_rate == 8000
    assert signal.values.abs().max() == pytest.approx(1)
    assert -signal.origin.low == signal.origin.high == pytest.approx(float(np.abs(samples.astype(float)).max()))
    back = signal.origin.restore(signal.values)
    assert (back.dtype, back.shape) == (samples.dtype, samples.shape)
    np.testing.assert_allclose(back, samples, rtol=0, atol=2e-7 if dtype.startswith("f") else 0)


@pytest.mark.parametrize("shape", [(50,), (1, 50), (2, 50)])
def test_sound_tensors(shape, generator):
    samples = torch.rand(shape, generator=generator) * 6 - 3
    signal = as_signal(samples, sample_rate=np.int64(44100))
    assert type(signal.origin.sample_rate) is float
    torch.testing.assert_close(signal.origin.restore(signal.values), samples)


def test_silence():
    signal = as_signal(torch.zeros(2, 9), sample_rate=1.0)
    assert torch.equal(signal.values, torch.zeros(2, 9))
    # Whatever a network makes of it, silence stays silent.
    assert torch.equal(signal.origin.restore(torch.linspace(-1, 1, 18).reshape(2, 9)), torch.zeros(2, 9))


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_the_lowest_level_does_not_wrap_around(dtype):
    limits = np.iinfo(dtype)
    signal = as_signal(np.array([limits.min, 0, limits.max], dtype), sample_rate=8000)
    result = signal.origin.restore(torch.tensor([[-1.2, 0.0, 1.2]]))  # the interval is symmetric, the type is not
    np.testing.assert_array_equal(result, [limits.min, 0, limits.max])


def test_float_sounds_are_not_clipped():
    for dtype in (torch.float32, torch.bfloat16):
        signal = as_signal(torch.tensor([0.5, -0.25], dtype=dtype), sample_rate=10)
        assert signal.origin.restore(torch.tensor([[1.5, 0.0]])).tolist() == [0.75, 0.0]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_sound_files(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", RNG.uniform(-0.5, 0.5, (40, 2)), 16000, subtype=subtype)
    stored = io.read_audio(tmp_path / "a.wav").samples
    signal = as_signal(tmp_path / "a.wav")
    assert signal.origin.sample_rate == 16000
    assert signal.origin.container == "audio file"
    back = signal.origin.restore(signal.values)
    assert back.dtype == stored.dtype
    np.testing.assert_allclose(back, stored, rtol=0, atol=2**7 if subtype == "PCM_24" else 1e-7)  # float32 has 24 bits


# ---- ranges


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (np.array([100, 110, 118, 126] * 5), {}),
        (np.array([100, 110, 118, 126] * 5, np.int32), {"dims": 1}),
        (np.array([3, -7, 900], np.int16), {}),
        (np.array([200, 255, 210], np.uint8), {}),
        (RNG.integers(0, 2, (4, 5, 6)), {"dims": 3}),
        (RNG.integers(2**40, 2**40 + 9, (4, 5)), {}),
        (np.array([[-1000, 3000]], np.int16), {}),
        (np.array([[7, 70000]], np.uint32), {}),
        (np.array([2**63 + 2**20, 2**63], np.uint64), {}),
        (np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max]), {}),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_integers_have_their_own_range(data, options):
    for held in (data, torch.from_numpy(data)):
        signal = as_signal(held, **options)
        assert (float(signal.values.min()), float(signal.values.max())) == (-1, 1)
        assert (signal.origin.low, signal.origin.high) == (float(data.min()), float(data.max()))
        back = np.asarray(signal.origin.restore(signal.values))
        # float32 has 24 bits, of which the last is lost on the way.
        np.testing.assert_allclose(
            back.astype(float), data.astype(float), rtol=0, atol=np.ptp(data.astype(float)) / 2**23
        )
        over = np.asarray(signal.origin.restore(1.5 * signal.values)).astype(float)
        assert over.min() >= float(data.min())
        assert over.max() <= float(data.max())


@pytest.mark.parametrize("holder", [list, tuple])
def test_numbers_in_lists_are_an_array(holder):
    signal = as_signal(holder([1, 5, 9]))
    assert signal.values.tolist() == [[-1.0, 0.0, 1.0]]
    np.testing.assert_array_equal(signal.origin.restore(signal.values), [1, 5, 9])
    assert as_signal([[0.0, 0.5], [1.0, 0.25]]).shape == (2, 2)


@pytest.mark.parametrize(
    ("most", "high", "ceiling"),
    [(4095, 4095, 4095), (4000, 4095, 65535), (65535, 65535, 65535), (40000, 65535, 65535), (1023, 1023, 1023)],
)
def test_images_of_16_bits_use_the_bits_that_they_have(most, high, ceiling):
    origin = as_signal(np.array([[0, most]], np.uint16)).origin
    assert (origin.low, origin.high, origin.floor, origin.ceiling) == (0, high, 0, ceiling)
    assert origin.contrast == pytest.approx(high / 65535)


@given(
    hnp.arrays("float64", (3, 4), elements=st.floats(0, 1)),
    st.floats(1e-12, 1e12),
    st.floats(-1e3, 1e3),
)
def test_scale_and_offset_of_floats_do_not_matter(image, scale, offset):
    offset *= scale
    moved = scale * image + offset
    if np.ptp(image) < 1e-6:
        return
    a, b = as_signal(image), as_signal(moved)
    np.testing.assert_allclose(a.values, b.values, rtol=0, atol=1e-6)
    np.testing.assert_allclose(b.origin.restore(b.values), moved, rtol=0, atol=1e-6 * scale)


def test_floats_in_zero_to_one_stay_there():
    for image in (torch.tensor([[0.0, 0.4]]), torch.tensor([[-2e-7, 1 + 2.4e-7]])):
        origin = as_signal(image).origin
        result = origin.restore(torch.tensor([[[-9.0, 9.0]]]))
        assert result.tolist() == [[0.0, 1.0]]
    assert as_signal(torch.tensor([[0.0, 7.0]])).origin.restore(torch.tensor([[[-9.0, 2.0]]])).tolist() == [[0.0, 10.5]]
    assert as_signal(torch.tensor([[-1.0, 1.0]])).origin.restore(torch.tensor([[[-2.0, 2.0]]])).tolist() == [
        [-2.0, 2.0]
    ]


@pytest.mark.parametrize("peak", [3e38, 1e-300, 1e-40, 1e300, 1e-20])
@pytest.mark.parametrize("options", [{}, {"sample_rate": 8000}])
def test_huge_and_tiny_numbers_come_back(peak, options):
    wave = np.sin(np.arange(50.0)) * peak
    signal = as_signal(wave, **options)
    assert bool(torch.isfinite(signal.values).all())
    np.testing.assert_allclose(signal.origin.restore(signal.values), wave, rtol=0, atol=2e-7 * peak)
    if 1e-38 < peak < 3e38:
        single = torch.from_numpy(wave).float()
        signal = as_signal(single, **options)
        torch.testing.assert_close(signal.origin.restore(signal.values), single, rtol=0, atol=2e-7 * peak)


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1e16, -1e300, 1e-300])
@pytest.mark.parametrize("options", [{"dims": 1}, {"dims": 2}, {"dims": 3}, {"dims": 1, "sample_rate": 8000}])
def test_what_is_constant_stays_exactly_so(value, options):
    if "sample_rate" in options and value:
        return  # a sound is measured from silence
    data = np.full((2,) * options["dims"], value)
    signal = as_signal(data, **options)
    assert not signal.values.any()
    noise = torch.linspace(-1, 1, data.size).reshape(1, *data.shape)
    np.testing.assert_array_equal(signal.origin.restore(noise), data)


def test_the_usual_range_is_what_equations_are_meant_for():
    for data, expected in (
        (np.array([[0, 51]], np.uint8), [0, 0.2]),
        (np.array([[0, 4095]], np.uint16), [0, 4095 / 65535]),
        (torch.tensor([[0.25, 0.75]]), [0.25, 0.75]),
        (torch.tensor([[-3.0, 5.0]]), [-3, 5]),
    ):
        np.testing.assert_allclose(as_signal(data).unit[0, 0], expected, atol=1e-6)


# ---- other grids


@pytest.mark.parametrize(
    ("data", "options", "shape"),
    [
        (torch.from_numpy(RNG.random((4, 5, 6))), {"dims": 3}, (1, 4, 5, 6)),
        (torch.from_numpy(RNG.normal(size=(2, 4, 5, 6))).float(), {"dims": 3}, (2, 4, 5, 6)),
        (RNG.normal(size=(4, 5, 6, 3)), {"dims": 3}, (3, 4, 5, 6)),
        (levels(np.uint8, (4, 5, 6)), {"dims": 3}, (1, 4, 5, 6)),
        (torch.linspace(-5, 3, 9), {}, (1, 9)),
        (RNG.normal(size=(9, 2)), {"dims": 1}, (2, 9)),
        (RNG.integers(-100, 100, 9).astype(np.int16), {}, (1, 9)),
    ],
    ids=str,
)
def test_volumes_and_series(data, options, shape):
    signal = as_signal(data, **options)
    assert tuple(signal.values.shape) == shape
    assert signal.shape == shape[1:]
    assert float(signal.values.min()) >= -1
    assert float(signal.values.max()) <= 1
    back = signal.origin.restore(signal.values)
    assert (type(back), back.dtype, back.shape) == (type(data), data.dtype, data.shape)
    np.testing.assert_allclose(np.asarray(back), np.asarray(data), rtol=0, atol=1e-6)


def test_a_constant_volume_is_the_middle():
    signal = as_signal(torch.full((2, 2, 2), 7.0), dims=3)
    assert torch.equal(signal.values, torch.zeros(1, 2, 2, 2))
    assert torch.equal(signal.origin.restore(signal.values), torch.full((2, 2, 2), 7.0))


def test_planar_arrays_keep_their_channels_first():
    planar = replace(as_signal(np.array([[0, 1]], np.float32)).origin, container="planar array", channels=True)
    values = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(planar.restore(2 * values - 1), values.numpy(), atol=1e-6)


def test_slabs_make_the_whole():
    signal = as_signal(np.zeros((6, 7, 3), np.uint8))
    values = torch.rand(3, 9, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    parts = Assembly(signal.origin, 3, (9, 4))
    for start in (0, 4, 8):
        parts.put(start, values[:, start : start + 4])
    np.testing.assert_array_equal(parts.package(), signal.origin.restore(values))


def test_batches():
    assert signals.is_batch(torch.zeros(2, 3, 4, 5))
    assert signals.is_batch(np.zeros((2, 4, 5, 3)))
    assert not signals.is_batch(torch.zeros(2, 3, 4, 5), 3)
    assert not signals.is_batch(torch.zeros(3, 4, 5))
    assert not signals.is_batch("path")
    with pytest.raises(ValueError, match=r"the batch is empty: its shape is \(0, 3, 4, 5\)"):
        signals.is_batch(torch.zeros(0, 3, 4, 5))


# ---- size


@given(st.integers(1, 50), st.integers(1, 50), st.floats(0.5, 4))
def test_the_size_is_the_nearest(height, width, scale):
    size = grid_size((height, width), scale=scale)
    assert all(abs(m - n * scale) <= 0.5 for m, n in zip(size, (height, width), strict=True))


def test_sizes():
    assert grid_size((4, 6)) == (4, 6)
    assert grid_size((4, 6), scale=(2, 0.5)) == (8, 3)
    assert grid_size((4, 6), size=[np.int64(9), 5]) == (9, 5)
    assert grid_size((10,), size=25) == (25,)


@pytest.mark.parametrize(
    "scale",
    [2, 2.0, np.float32(2), np.int64(2), np.array(2.0), torch.tensor(2), Fraction(2), [2, 2.0], (2, Fraction(2))],
)
def test_a_scale_is_any_real_number(scale):
    assert grid_size((4, 6), scale=scale) == (8, 12)


@pytest.mark.parametrize("holder", [list, tuple, np.array, torch.tensor, lambda n: [torch.tensor(i) for i in n]])
def test_one_entry_per_axis_in_any_sequence(holder):
    assert grid_size((4, 6), scale=holder([2, 3])) == (8, 18)
    assert grid_size((4, 6), size=holder([7, 9])) == (7, 9)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"scale": 2, "size": (4, 4)}, ValueError, "give scale or size, not both"),
        ({"size": (4,)}, ValueError, "size must be 2 integers >= 1, one per axis"),
        ({"size": (0, 4)}, ValueError, "size must be 2 integers >= 1"),
        ({"size": 4}, TypeError, r"size must be 2 integers, one per axis \(rows, columns\), got 4"),
        ({"size": (4.0, 4)}, TypeError, "size must be 2 integers"),
        ({"scale": 0}, ValueError, "scale must be a finite number > 0"),
        ({"scale": float("nan")}, ValueError, "scale must be a finite number > 0"),
        ({"scale": float("inf")}, ValueError, "scale must be a finite number > 0"),
        ({"scale": (1, 2, 3)}, ValueError, r"or 2 of them, got \(1, 2, 3\)"),
        ({"scale": 0.01}, ValueError, "leaves no sample of a grid of"),
        ({"scale": "4"}, TypeError, "scale must be a number, or 2 of them in a sequence or array, got '4'"),
        ({"scale": True}, TypeError, "scale must be a number"),
        ({"scale": np.True_}, TypeError, "scale must be a number"),
        ({"scale": {2, 3}}, TypeError, "scale must be a number"),
        ({"scale": {2: 3, 4: 5}}, TypeError, "scale must be a number"),
        ({"scale": [True, 2]}, TypeError, "scale must be a number"),
        ({"scale": 1j}, TypeError, "scale must be a number"),
        ({"scale": np.ones((2, 2))}, TypeError, "scale must be a number"),
        ({"scale": 10**400}, ValueError, "scale must be a finite number"),
        ({"size": "45"}, TypeError, "size must be 2 integers"),
        ({"size": [True, True]}, TypeError, "size must be 2 integers"),
        ({"size": {8, 9}}, TypeError, "size must be 2 integers"),
        ({"scale": 1e9}, ValueError, r"would be 4000000000x6000000000, .* GiB in float32: at most 2\^33"),
        ({"scale": 1e300}, ValueError, "at most 2"),
        ({"size": (10**5, 10**5)}, ValueError, "100000x100000, 37.3 GiB"),
        ({"size": (10**5, 10**4), "channels": 12}, ValueError, "100000x10000 with 12 channels, 44.7 GiB"),
    ],
)
def test_size_errors(options, error, text):
    with pytest.raises(error, match=text):
        grid_size((4, 6), **options)


# ---- errors


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        ([[1.0], [2.0, 3.0]], {}, ValueError, "a list must hold numbers in equally long rows"),
        ([["a"]], {}, TypeError, "a list must hold numbers in equally long rows, got"),
        ({1.0}, {}, TypeError, "expected a tensor, an array, a list of numbers, a PIL image or a path, got set"),
        (None, {}, TypeError, "got NoneType"),
        (
            torch.zeros(3, 4, 5),
            {"sample_rate": 0},
            ValueError,
            "sample_rate must be a positive number of Hz, got 0",
        ),
        (
            torch.zeros(9),
            {"sample_rate": float("nan")},
            ValueError,
            "sample_rate must be a positive number of Hz",
        ),
        (torch.zeros(3, 4, 5), {"dims": 4}, ValueError, "dims must be 1, 2 or 3, got 4"),
        (
            torch.zeros(2, 3, 4, 5),
            {},
            ValueError,
            "2 grid axes must have shape .* got .* pass dims=3 for a volume",
        ),
        (torch.tensor(1.0), {}, ValueError, r"must have shape \(H, W\) or \(C, H, W\), got \(\): see dims="),
        (
            np.zeros((2, 3, 4)),
            {"sample_rate": 9},
            ValueError,
            r"1 grid axis must have shape \(T\) or \(T, C\)",
        ),
        (torch.zeros(3, 0, 5), {}, ValueError, r"the signal is empty: its shape is \(3, 0, 5\)"),
        (np.zeros((0, 5)), {}, ValueError, "the signal is empty"),
        (
            torch.zeros(20, 30, 3),
            {},
            ValueError,
            r"channels on the wrong side: a tensor .* data.movedim\(-1, 0\)",
        ),
        (
            np.zeros((3, 20, 30)),
            {},
            ValueError,
            r"channels on the wrong side: an? array .* np.moveaxis\(data, 0, -1\)",
        ),
        (np.zeros((100, 200)), {"sample_rate": 9}, ValueError, "means 200 audio channels"),
        (
            torch.zeros(4, 5, dtype=torch.complex64),
            {},
            TypeError,
            "complex64 values are not supported: use uint8",
        ),
        (torch.zeros(4, 5, dtype=torch.bool), {}, TypeError, "bool values are not supported"),
        (np.zeros((4, 5), bool), {}, TypeError, "bool values are not supported"),
        (np.zeros((4, 5), object), {}, TypeError, "object values are not supported"),
        (np.zeros((4, 5), np.longdouble), {}, TypeError, "values are not supported"),
        (
            torch.tensor([[0.5, float("nan"), float("inf")]]),
            {},
            ValueError,
            "has 2 NaN or infinite values of 3: replace",
        ),
        (np.ma.masked_less(np.eye(4), 0.5), {}, TypeError, r"masked arrays are not supported, .* data.filled"),
        (np.ma.masked_less(np.arange(9.0), 3), {"dims": 1}, TypeError, "masked arrays are not supported"),
        (torch.eye(4).to_sparse(), {}, TypeError, r"layout torch.sparse_coo is not supported: use its to_dense"),
        (torch.zeros(4, 4, device="meta"), {}, ValueError, "on the device meta has no values"),
        (torch.zeros(4, 4).to(torch.float8_e4m3fn), {}, TypeError, "float8_e4m3fn values are not supported"),
        (np.array([-1.7e308, 1.7e308]), {}, ValueError, "span more than float64 can hold: divide the data first"),
        (
            Image.new("CMYK", (4, 5)),
            {},
            ValueError,
            r'PIL mode CMYK is not supported: use image.convert\("RGB"\)',
        ),
        (Image.new("RGB", (0, 5)), {}, ValueError, r"the image is empty: its size is \(0, 5\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors(data, options, error, text):
    with pytest.raises(error, match=text):
        as_signal(data, **options)


@pytest.mark.parametrize("kind", [bytes, stdio.BytesIO])
def test_bytes_and_open_files_are_what_a_path_is(tmp_path, kind):
    """Only their content tells whether they are an image or a sound."""
    io.write_image(tmp_path / "a.png", np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    io.write_audio(tmp_path / "a.wav", (np.sin(np.arange(90) / 9) * 9000).astype(np.int16), 8000)
    for name in ("a.png", "a.wav"):
        expected = as_signal(tmp_path / name)
        found = as_signal(kind((tmp_path / name).read_bytes()))
        assert torch.equal(found.values, expected.values)
        assert found.origin == expected.origin
    assert found.origin.sample_rate == 8000
    with open(tmp_path / "a.png", "rb") as file:
        assert as_signal(file).shape == (4, 5)
    with pytest.raises(OSError, match=r"what the (bytes hold|BytesIO holds) is not a readable image"):
        as_signal(kind(b"some text"))


@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50), (1, 7, 3), (500, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_range_is_mapped_slab_by_slab_as_if_at_once(monkeypatch, shape, dtype):
    data = (RNG.random(shape) * (255 if dtype in (np.uint8, np.uint16) else 1)).astype(dtype)
    before = data.copy()
    whole = as_signal(data)
    monkeypatch.setattr(signals.origin, "SLAB", 64)
    parts = as_signal(data)
    assert torch.equal(parts.values, whole.values)
    assert parts.values.is_contiguous()
    np.testing.assert_array_equal(data, before)
    exact = (data.astype(np.float64) - whole.origin.low) * (2 / (whole.origin.high - whole.origin.low)) - 1
    exact = np.moveaxis(exact, -1, 0) if exact.ndim == 3 else exact[None]
    assert torch.equal(whole.values, torch.from_numpy(np.ascontiguousarray(exact)).float())


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux only")
@pytest.mark.parametrize("kind", ["array", "path"])
def test_reading_takes_little_beside_the_result(tmp_path, kind):
    """The result has 4 bytes a value; 26 were once needed on the way."""

    def memory(name):
        text = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(name))

    data = np.zeros((3000, 2000, 3), np.uint8)
    io.write_image(tmp_path / "a.png", data)
    given = data if kind == "array" else tmp_path / "a.png"
    as_signal(given if kind == "array" else str(given))
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = memory("VmRSS")
    signal = as_signal(given)
    assert (memory("VmHWM") - before) / signal.values.numel() < 8
