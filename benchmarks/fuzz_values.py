"""What `benchmarks.fuzz` gives to the library: tables of Python expressions, good ones, borderline ones and bad ones.

An expression is evaluated in the names of `benchmarks.fuzz_worker.names`: ``t`` is a tensor (3, 6, 7) in [0, 1], ``a``
the same as an array (6, 7, 3), ``pil(mode)`` an image of Pillow, ``stored(name)`` the path of a good file. The tables
hold text and no values, so that a case can be printed, sent to another process and repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

# What no argument is meant to be, whatever its name; an argument that takes one of these says so in its own table.
STRANGE = (
    "None", "True", "'2'", "'Ω\\x00'", "''", "b'2'", "1j", "object()", "{}", "[]", "()", "[[]]", "[None]", "[1, [2]]",
    "float('nan')", "float('inf')", "-float('inf')", "10**400", "-10**400", "2**63", "2**64", "1e308", "1e-320",
        "-0.0",
    "range(2)", "iter([2, 3])", "lambda *a, **k: 2", "lambda *a, **k: None", "Odd", "torch", "np.bool_(True)",
    "np.ma.masked", "np.array(None)", "np.array('2')", "np.datetime64('2020')", "np.array([])", "np.float64('nan')",
    "torch.tensor(float('nan'))", "torch.tensor([])", "torch.empty((), device='meta')", "torch.tensor(2).to_sparse()",
    "torch.tensor(1j)", "torch.tensor(True)", "fractions.Fraction(3, 2)", "decimal.Decimal('1.5')", "Odd()",
)  # fmt: skip

NUMBERS = (
    "1", "2", "0.5", "1.5", "0", "-1", "-0.5", "1e-300", "1e30", "3.0", "np.float32(1.5)", "np.float64(0.5)",
    "np.float16(2)", "np.int64(2)", "np.uint8(3)", "np.array(1.5)", "torch.tensor(1.5)", "torch.tensor(2)",
    "torch.tensor(1.5, requires_grad=True)", "np.array([1.5])", "torch.tensor([1.5, 2.0])", "[1.5, 2]",
)  # fmt: skip

COUNTS = ("1", "2", "3", "5", "np.int64(2)", "np.uint8(3)", "0", "-1", "2.0", "2.5", "torch.tensor(2)", "np.array(2)")

SIZES = (
    "(9, 11)", "[12, 14]", "np.array([7, 8])", "torch.tensor([8, 9])", "(6, 7)", "(1, 1)", "(0, 5)", "(-1, 5)",
    "(9,)", "(9, 9, 9)", "9", "(9.0, 9.0)", "(9.5, 9)", "(True, 9)", "(2**40, 2**40)", "(10**400, 2)", "'ab'",
)  # fmt: skip

SCALES = (
    "2", "1.5", "(1.5, 2)", "np.float32(1.25)", "np.array([1.5, 2])", "torch.tensor(1.5)", "1", "0.5", "0", "-2",
    "1.0001", "(2, 2, 2)", "(2,)", "(1.5, float('nan'))", "1e300", "'2'",
)  # fmt: skip

# Images, good for most functions and not for all: a sound or a volume is among them.
TENSORS = (
    "t", "t[0]", "t[:1]", "t[:2]", "t.double()", "t.half()", "t.to(torch.bfloat16)", "levels(t, torch.uint8)",
    "levels(t, torch.uint16)", "t.mT", "t.flip(2)", "t[..., ::2]", "t.expand(2, 3, 6, 7)", "t[None]", "t[0, :1]",
    "t[0, :, :1]", "t[0, :1, :1]", "t.clone().requires_grad_()", "t.movedim(0, -1)", "t.new_zeros(3, 6, 7)",
    "t.new_ones(3, 6, 7)", "tv_tensors.Image(t)", "torch.nn.Parameter(t)", "inference(t)", "t.repeat(2, 1, 1)",
)  # fmt: skip
BAD_TENSORS = (
    "t[0, 0]", "t[0, 0, 0]", "t[:0]", "t[:, :0]", "t[..., None, None]", "t * 2", "t - 1", "t * 1e30", "t * 1e-30",
    "t * 3e38", "t.double() * 1e300", "t.double() * 1e-300", "t / 0", "with_one(t, float('nan'))",
    "with_one(t, float('inf'))", "t + 0j", "t > 0.5", "t.to(torch.float8_e4m3fn)", "t.to(torch.float8_e5m2)",
    "t.to_sparse()", "t[0].to_sparse_csr()", "t.to('meta')", "torch.quantize_per_tensor(t, 0.1, 0, torch.quint8)",
    "(255 * t).to(torch.int16)", "(255 * t).to(torch.int32)", "(255 * t).to(torch.int64)", "(99 * t).to(torch.int8)",
    "(255 * t).to(torch.uint32)", "(255 * t).to(torch.uint64)", "torch.nested.nested_tensor([t[0], t[1, :3]])",
    "(t + 0j).conj().imag", "-t",
    "torch.linspace(0, 1, 7) * 1e16 + 1e20", "t * 0 + 1e20", "tv_tensors.Mask(t)", "t.expand(2, 2, 3, 6, 7)",
)  # fmt: skip
ARRAYS = (
    "a", "a[..., 0]", "a[..., :1]", "a[..., :2]", "a.astype('f8')", "a.astype('f2')", "a.astype('>f4')",
    "a.astype('>f8')", "levels(a, 'u1')", "levels(a, 'u2')", "levels(a, '>u2')", "a[::-1]", "a[:, ::-1]",
        "a[::2, ::3]",
    "np.asfortranarray(a)", "a.transpose(1, 0, 2)", "locked(a)", "a[:1]", "a[:, :1]", "a[:1, :1]", "np.zeros_like(a)",
    "np.ones_like(a)", "a[None]", "np.stack([a, a])", "a.view(np.recarray)", "a.tolist()", "a[..., 0].tolist()",
    "tuple(map(tuple, a[..., 0].tolist()))", "np.broadcast_to(a[:1], (6, 7, 3))",
)  # fmt: skip
BAD_ARRAYS = (
    "a[0, 0, 0]", "np.array(0.5)", "a[:0]", "a[..., :0]", "a[..., None, None]", "a * 2", "a - 1", "a * 1e30",
        "a * nan",
    "a.astype('f8') * 1e300", "a.astype('f8') * 1e-300", "with_one(a, np.nan)", "with_one(a, np.inf)", "a + 0j",
    "a > 0.5", "a.astype(object)", "a.astype(str)", "a.astype('S3')", "a.astype('M8[s]')", "a.astype(np.longdouble)",
    "np.ma.masked_array(a, a > 0.5)", "np.ma.masked_array(a)", "np.asmatrix(a[..., 0])", "a.astype(int)",
    "levels(a, 'i1')", "levels(a, 'i2')", "levels(a, '>i4')", "levels(a, 'u8')", "a.view([('r', 'f4')])", "a.ravel()",
    "np.array([[1, 2], [3, 4]], object)", "a.transpose(2, 0, 1)", "[a, a]", "[t, t]", "[[1.0, 2.0], [3.0]]",
    "np.full((2, 2), 2**64 - 1, np.uint64)", "a * 0 + 1e20", "memoryview(a)", "bytes(9)",
)  # fmt: skip
PICTURES = ("pil('L')", "pil('RGB')", "pil('RGBA')", "pil('LA')", "pil('P')", "pil('1')", "pil('I;16')")
BAD_PICTURES = (
    "pil('I')", "pil('F')", "pil('CMYK')", "pil('YCbCr')", "pil('HSV')", "pil('LAB')", "pil('RGBa')", "pil('La')",
    "pil('RGBX')", "pil('PA')", "pil('I;16B')", "pil('RGB').resize((1, 1))", "Image.new('RGB', (0, 5))",
        "closed_pil()",
)  # fmt: skip
PATHS = ("stored('rgb.png')", "stored('gray16.tif')", "stored('photo.jpg')", "pathlib.Path(stored('rgba.webp'))")
BAD_PATHS = (
    "'missing.png'", "''", "'.'", "'a\\x00b.png'", "'\\udcff.png'", "'x' * 5000", "stored('tone.wav')", "'/dev/null'",
    "stored('fit.safetensors')", "b'rgb.png'", "BytesIO(b'no image')", "opened(stored('rgb.png'))", "3",
        "Pathlike()",
)  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """What an argument may be given: ``good`` for most calls, and ``odd`` where a case is to be a hard one."""

    good: tuple[str, ...]
    odd: tuple[str, ...] = ()


def names_of(*names: str) -> Pool:
    """An argument that is one of some names."""
    return Pool(tuple(map(repr, names)), ("'unknown'", repr(names[0].upper()), repr(names[0] + " "), "b'bytes'"))


IMAGES = Pool((*TENSORS, *ARRAYS, *PICTURES, *PATHS), (*BAD_TENSORS, *BAD_ARRAYS, *BAD_PICTURES, *BAD_PATHS))
POOLS: dict[str, Pool] = {
    "image": IMAGES,
    "grid": Pool(("t", "a", "t[0, 0]", "a.ravel()", "levels(a, 'i4')"), (*IMAGES.good, *IMAGES.odd)),
    "tensor": Pool(TENSORS, (*BAD_TENSORS, "a", "pil('RGB')", "a.tolist()")),
    "values": Pool((*TENSORS, *ARRAYS[:-3]), (*BAD_TENSORS, *BAD_ARRAYS, "pil('RGB')")),
    "gradient": Pool(("g", "g[0]", "g.double()", "g.numpy().transpose(2, 3, 0, 1)", "g * 0"),
        (*IMAGES.good, *IMAGES.odd)),
    "coords": Pool(("x", "x.double()", "x[:1]", "x.clone().requires_grad_()"), ("x[0]", "x[:, :1]", "x[:0]",
        *BAD_TENSORS)),
    "model": Pool(
        ("siren", "siren.double()", "relu", "lambda x: x.sin()", "lambda x: x.prod(-1, keepdim=True)", "tiled"),
        ("lambda x: x.sum()", "lambda x: x[:1]", "lambda x: x.detach()", "lambda x: None", "torch.sin", "3"),
    ),
    "number": Pool(("1", "2.0", "0.5", "np.float32(1.5)"), NUMBERS),
    "count": Pool(("1", "2", "3"), COUNTS),
    "steps": Pool(("1", "2"), ("0", "-1", "1.0", "2.5", "np.int64(2)", "'3'", "10**400", "True")),
    "flag": Pool(("True", "False", "np.bool_(False)"), ("1", "0", "'yes'", "None", "torch.tensor(True)")),
    "scale": Pool(SCALES[:6], SCALES[6:]),
    "size": Pool(SIZES[:4], SIZES[4:]),
    "region": Pool(("((0, 3), (1, 4.5))", "[(0, 6), (0, 7)]"), ("((0, 9), (0, 3))", "((3, 3), (1, 2))", "5",
        "((0, 1),)", "'ab'")),
    "spacing": Pool(("(0.5, 0.25)", "[1, 1]"), ("(1,)", "(0, 0)", "(1, 'a')", "0.5", "torch.tensor([1.0, 2.0])")),
    "rate": Pool(("8000", "44100.0", "np.int32(16000)"), (*NUMBERS, "200001", "2**31", "2**40")),
    "device": Pool(("'cpu'", "torch.device('cpu')"), ("'hpu'", "'meta'", "'cuda:99'", "'mps'", "'vulkan'", "0",
        "'cpu:7'")),
    "generator": Pool(("torch.Generator().manual_seed(3)",), ("np.random.default_rng(0)", "3", "random.Random(0)")),
    "dtype": Pool(
        ("torch.float32", "torch.float64", "torch.float16", "torch.bfloat16"),
        ("'float32'", "np.float32", "torch.int32", "torch.complex64", "torch.float8_e4m3fn", "torch.bool", "float"),
    ),
    "activation": Pool(("'sine'", "'relu'", "torch.tanh"), ("'unknown'", "lambda x: None", "abs")),
    "initializer": Pool(("'sitzmann'", "'xavier'", "'he'", "init.he_"), ("'unknown'", "torch.nn.init.zeros_",
        "lambda w: w")),
    "weight": Pool(("torch.empty(4, 3)", "torch.empty(4, 3).double()"), ("torch.empty(4)", "torch.empty(0, 3)",
        "torch.empty(4, 0)", "t", "a")),
    "omega": Pool(("30", "'tangent_kernel'", "'brenner'", "lambda v: 20.0"), ("0", "-1", "'unknown'",
        "lambda v: -1", "1e300", "1e-300")),
    "measure": names_of("tangent_kernel", "laplacian_variance", "tenengrad", "rms_frequency", "spectral_rolloff"),
    "dims": Pool(("1", "2", "3"), ("0", "4", "2.0", "-1", "np.int64(2)", "torch.tensor(2)", "'2'")),
    "recipe": names_of("fast", "whole", "paper", "published"),
    "objective": names_of("mse", "mse_fft", "mse_stft"),
    "optimizer": Pool(("torch.optim.Adam", "lambda p: torch.optim.SGD(p, lr=1e-3)"), ("lambda p: None",
        "lambda p: 3", "'adam'")),
    "scheduler": Pool(("lambda o: torch.optim.lr_scheduler.ConstantLR(o)",), ("lambda o: None", "'cosine'")),
    "callback": Pool(("lambda p: None", "lambda p: True"), ("'call'", "3", "lambda p: 'yes'")),
    "precision": Pool(("'bf16'", "None"), ("'fp8'", "torch.bfloat16", "16")),
    "tiles": Pool(("True", "False", "TileRecipe(tile=4, margin=1, steps=1)"), ("'yes'", "3", "TileRecipe")),
    "strategy": Pool(("'consistent'", "'basic'", "'trick1'", "'trick2'"), ("'unknown'", "lambda p: None", "3")),
    "quality": names_of("fast", "standard", "best"),
    "kernel": Pool(
        ("'bicubic'", "'box'", "'lanczos'", "0.8", "np.ones((3, 3))", "torch.ones(2, 2)"),
        ("'unknown'", "0", "-1", "1e300", "np.zeros((3, 3))", "np.ones(3)", "np.ones((3, 3)) * 1j",
            "with_one(np.ones((3, 3)), np.nan)", "t.to_sparse()"),
    ),
    "noise": Pool(("0.0", "0.05"), ("-1", "2", "25", "float('nan')", "'0.1'", "torch.tensor(0.1)",
        "np.float32(0.1)")),
    "compression": Pool(("None", "'auto'", "'jpeg'", "JpegTables.of_quality(75)"), ("'unknown'", "75", "JpegTables")),
    "prior": Pool(
        ("None", "lambda x: torch.nn.functional.interpolate(x, scale_factor=2)"),
        ("'photographs'", "'unknown'", "lambda x: None", "lambda x: x[0]", "lambda x: x * nan",
            "lambda x: x.long()", "lambda x: x * 9"),
    ),
    "mean": Pool(("0.5", "[0.5, 0.5, 0.5]", "np.float32(0.25)"), ("'a'", "[0.5]", "[1, 2]", "torch.ones(3)",
        "1e300", "{}")),
    "boundary": Pool(("t", "t.new_zeros(3, 6, 7)"), ("a", "0.5", "pil('RGB')", "t[0]", "t * nan", "t.to_sparse()")),
    "method": names_of("numerical", "analytical"),
    "border": Pool(("0", "1", "2"), ("3", "99", "-1", "1.0", "np.int64(1)", "True")),
    "data_range": Pool(("1.0", "1", "2.0"), (*NUMBERS, "255")),
    "numbers": Pool(("[1.0, 2.0]", "(3,)", "np.array([1, 2])", "torch.ones(2)"), ("[float('inf')]", "['a']", "5",
        "[[1]]")),
    "interpolation": names_of("bicubic", "bicubic_torch", "bilinear", "box", "lanczos"),
    "edge": names_of("mirror", "replicate", "renormalize"),
    "image-file": Pool(
        ("'out.png'", "'out.tif'", "'out.jpg'", "'out.webp'", "'out.bmp'", "pathlib.Path('out.PNG')"),
        ("'out'", "'out.xyz'", "''", "'.'", "'no/out.png'", "'a\\x00.png'", "'/dev/full'", "None", "3",
            "'x' * 300 + '.png'"),
    ),
    "sound-file": Pool(
        ("'out.wav'", "'out.flac'", "'out.ogg'", "'out.mp3'", "'out.aiff'"),
        ("'out'", "'out.xyz'", "''", "'.'", "'no/out.wav'", "'a\\x00.wav'", "None", "3"),
    ),
    "fit-file": Pool(("'out.safetensors'", "pathlib.Path('out.safetensors')"), ("'out'", "''", "'.'",
        "'no/out.safetensors'", "'a\\x00.safetensors'", "3")),
    "pixels": Pool(("levels(a, 'u1')", "levels(a, 'u2')", "levels(a, '>u2')", "levels(a[..., 0], 'u1')",
        "levels(a[::-1, :, :2], 'u1')"), (*ARRAYS, *BAD_ARRAYS, "t", "pil('RGB')")),
    "samples": Pool(("wave", "wave.astype('f8')", "levels(wave, 'i2')", "levels(wave, '>i4')",
        "np.stack([wave, wave], 1)"), (*ARRAYS, *BAD_ARRAYS, "wave[:0]", "t", "wave * nan",
        "np.zeros((9, 70), 'f4')")),
    "encoding": Pool(("95", "1", "100"), ("0", "101", "1.5", "True", "np.int64(9)")),
    "format": names_of("PNG", "TIFF", "JPEG", "WEBP", "BMP"),
    "readable": Pool(("stored('rgb.png')", "stored('rgba.webp')", "stored('photo.jpg')"), BAD_PATHS),
    "audible": Pool(("stored('tone.wav')", "stored('tone.flac')"), (*BAD_PATHS, "stored('rgb.png')")),
    "loadable": Pool(("stored('fit.safetensors')", "stored('tiles.safetensors')"), (*BAD_PATHS, "stored('rgb.png')")),
    "fits": Pool(("fit", "{'one': fit}"), ("[fit]", "siren", "{}")),
    "against": names_of("seconds", "step"),
    "layers": Pool(("capture(siren, x)",), ("siren", "capture(siren, x[:1])", "[siren]")),
    "word": Pool(("'uint8'", "np.uint16", "'float32'", "np.dtype('int16')"), ("'unknown'", "torch.uint8", "'f8'",
        "object")),
    "titled": Pool(("{'one': t}", "{'one': a, 'two': pil('L')}"), ("{}", "[t]", "{'one': t.to_sparse()}",
        "{'one': None}", "t")),
}  # fmt: skip
