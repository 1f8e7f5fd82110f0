"""The paper's experiments, with a few epochs on tiny images: what they run, measure and write."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from problems import eight_bit, picture
from torch.nn import functional

from siren_sr import fit_signal, io, metrics, omega, super_resolve
from siren_sr.cli import main
from siren_sr.reproduce import EXPERIMENTS, Setup, activations, data, poisson
from siren_sr.superres.published import basic

TINY = ("0803", "0804")


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(eight_bit(image)).save(path)


@pytest.fixture
def pairs(tmp_path):
    for i, name in enumerate(TINY):
        large = picture(48, 64).roll(5 * i, 2)
        save(tmp_path / f"{name}.png", large)
        save(tmp_path / f"{name}x4.png", functional.avg_pool2d(large, 4))
    return tmp_path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).copy()


def load(path):
    return torch.from_numpy(pixels(path)).permute(2, 0, 1) / 255


def rows_of(table):
    return {label: dict(zip(table.columns[1:], cells, strict=True)) for label, cells in table.rows}


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - {"table3", "figure3", "figure5", "figure6", "figure7"}))
def test_every_experiment_on_images_gives_numbers_beside_the_papers(name, pairs, tmp_path):
    lines = []
    report = EXPERIMENTS[name](Setup(data=pairs, images=TINY, epochs=2, quick=True, tell=lines.append))
    cells = [cell for table in report.tables for _, row in table.rows for cell in row]
    assert all(cell is None or math.isfinite(cell) for cell in cells)
    assert report.settings["seed"] == 0
    assert "torch" in report.settings
    if name != "ratio":
        assert lines
        assert report.settings["epochs"] == 2
    files = report.save(tmp_path / "out" / "new", name)
    content = json.loads(files[0].read_text(encoding="utf-8"))
    assert content["title"] == report.title
    assert [cell for table in content["tables"] for row in table["rows"] for cell in row[1:]] == cells
    assert pixels(files[1]).shape[1] > 200
    assert report.title in report.text()


def test_table_4_has_both_conventions_and_the_papers(pairs):
    rows = rows_of(EXPERIMENTS["table4"](Setup(data=pairs, images=TINY, epochs=3)).tables[0])
    assert list(rows) == ["SIREN", "ReLU", "SIREN with ω0*"]
    for row in rows.values():
        assert row["PSNR"] - row["PSNR, channels summed"] == pytest.approx(10 * math.log10(3))
        assert row["paper, usual"] - row["paper, channels summed"] == pytest.approx(10 * math.log10(3))
    assert rows["SIREN with ω0*"]["paper, channels summed"] == 57.18
    # A ReLU network of three epochs knows little of a picture, a sine network more.
    assert rows["SIREN"]["PSNR"] > rows["ReLU"]["PSNR"]


def test_table_7_measures_what_it_says(pairs):
    seen = []

    def prior(image):
        seen.append(image.shape)
        return functional.interpolate(image, scale_factor=4, mode="nearest")

    table = EXPERIMENTS["table7"](Setup(data=pairs, images=TINY, epochs=20, prior=prior)).tables[0]
    rows = rows_of(table)
    assert seen == [(1, 3, 12, 16)] * 2
    expected = []
    for name in TINY:
        low, high = load(pairs / f"{name}x4.png"), load(pairs / f"{name}.png")
        bicubic = functional.interpolate(low[None], size=(48, 64), mode="bicubic")[0].clamp(0, 1)
        expected.append(metrics.psnr(bicubic, high))
    assert rows["bicubic"]["PSNR"] == pytest.approx(sum(expected) / 2, abs=1e-4)
    assert rows["bicubic"]["paper, usual"] == pytest.approx(25.13, abs=0.005)
    assert rows["EDSR (quoted)"]["paper, usual"] == 26.58
    assert {"basic", "trick1", "trick2", "alone", "photographs", "prior"} <= set(rows)


def test_the_quick_table_7_takes_the_middle_and_omega_in_proportion(pairs, monkeypatch):
    from siren_sr.reproduce import superres

    monkeypatch.setattr(superres, "PIECE", 8)
    told = []
    monkeypatch.setattr(superres, "_with_omega", lambda s, omega_0, share: told.append((omega_0, share)) or s)
    report = EXPERIMENTS["table7"](Setup(data=pairs, images=TINY[:1], epochs=5, quick=True))
    low, high = (load(pairs / f"{TINY[0]}{x}.png") for x in ("x4", ""))
    low, high = low[:, 3:9, 4:12], high[:, 12:36, 16:48]
    bicubic = functional.interpolate(low[None], size=(24, 32), mode="bicubic")[0].clamp(0, 1)
    assert rows_of(report.tables[0])["bicubic"]["PSNR"] == pytest.approx(metrics.psnr(bicubic, high), abs=1e-4)
    assert set(told) == {(None, 0.5)}
    assert "8 pixels long" in report.text()


def test_as_published_takes_omega_30_and_a_corner_aligned_grid(pairs):
    def table(**options):
        return rows_of(EXPERIMENTS["table7"](Setup(data=pairs, images=TINY[:1], epochs=20, **options)).tables[0])

    def thirty(problem):
        return replace(basic(problem), first_omega_0=30.0)

    def reached(**options):
        low, high = (load(pairs / f"{TINY[0]}{x}.png") for x in ("x4", ""))
        return metrics.psnr(super_resolve(low, size=(48, 64), steps=20, **options), high)

    ours, published = table(), table(as_published=True)
    assert ours["bicubic"] == published["bicubic"]
    assert ours["alone"] == published["alone"]
    assert ours["basic"]["PSNR"] == pytest.approx(reached(strategy="basic"), abs=0.05)
    expected = reached(strategy=thirty, align_corners=True)
    assert published["basic"]["PSNR"] == pytest.approx(expected, abs=0.05)
    assert abs(expected - ours["basic"]["PSNR"]) > 0.2


def test_ratio_is_that_of_the_two_omegas(pairs):
    table = EXPERIMENTS["ratio"](Setup(data=pairs, images=TINY)).tables[0]
    for name, row in rows_of(table).items():
        low, high = load(pairs / f"{name}x4.png"), load(pairs / f"{name}.png")
        enlarged = functional.interpolate(low[None], scale_factor=4, mode="bicubic")[0]
        # Not an image any more, as it overshoots: equation 7 by hand.
        from siren_sr.derivatives import image_laplacian

        by_hand = 250 * float(image_laplacian(enlarged).std()) / omega.omega_star(high)
        assert row["enlarged / HR"] == pytest.approx(by_hand, rel=1e-4)


def test_conditions_do_what_figure_1_shows(pairs):
    report = EXPERIMENTS["figure1"](Setup(data=pairs, images=TINY[:1], epochs=60))
    rows = rows_of(report.tables[0])
    assert rows["gradient, mean"]["image"] > rows["gradient, no condition"]["image"]
    assert rows["gradient, mean"]["gradient"] == pytest.approx(rows["gradient, no condition"]["gradient"], abs=1e-3)
    gain = rows_of(report.tables[1])["mean, from the gradient: image"]
    assert gain["here"] == pytest.approx(rows["gradient, mean"]["image"] - rows["gradient, no condition"]["image"])
    assert gain["paper, section 3.3"] == 8.0


def test_scores_of_derivatives_have_a_peak_of_one():
    image = picture(12, 16)
    score = poisson._score(image + 0.1, image)
    assert score["image"] == pytest.approx(20, abs=1e-3)
    assert score["gradient"] > 80  # a constant has none


@pytest.mark.parametrize("name", ["figure3", "figure5", "figure6", "figure7"])
def test_activations(name, tmp_path):
    report = EXPERIMENTS[name](Setup(quick=True))
    rows = rows_of(report.tables[0])
    if "Sitzmann" in rows:
        row = rows["Sitzmann"]
        assert row["after sine 2"] == pytest.approx(0.5, abs=0.1)
        # N(0, 1) by the weights, and what PyTorch's biases add.
        assert row["variance before sine 2"] == pytest.approx(1 + 900 / (3 * report.settings["width"]), rel=0.25)
    if name == "figure3":
        bands = [row["95 % of the output's energy below (cycles per point)"] for row in rows.values()]
        assert bands == sorted(bands)
        assert bands[2] > 3 * bands[0]
    if name == "figure7":  # hidden layers that are not divided by ω0
        assert rows["Xavier"]["variance before sine 2"] > 100 * rows["Sitzmann"]["variance before sine 2"]
    report.save(tmp_path, name)
    assert (tmp_path / f"{name}.png").is_file()


def test_bandwidth_of_a_tone():
    points = torch.arange(1000.0)
    tone = torch.sin(2 * math.pi * 0.05 * points)[:, None]
    assert activations.bandwidth(tone) == pytest.approx(0.05, abs=0.002)


def test_table_3_has_the_error_of_every_sound(tmp_path):
    t = np.arange(300) / 8000
    tones = [0.5 * np.sin(2 * np.pi * hertz * t).astype(np.float32) for hertz in (800, 1700, 600, 1000)]
    sounds = {"bach": tones[0], "counting": 0.4 * tones[1], "movie": np.stack(tones[2:], 1)}
    for name, samples in sounds.items():
        io.write_audio(tmp_path / f"gt_{name}.wav", samples, 8000)
    report = EXPERIMENTS["table3"](Setup(data=tmp_path, quick=True))
    rows = rows_of(report.tables[0])
    assert list(rows) == ["ReLU", "SIREN ω0 = 3000", "SIREN ω_r", "SIREN ω_r, MSE_tot"]
    for sound in ("Bach", "Counting", "Movie"):
        assert all(row[sound] < 0.01 < 0.3 < rows["ReLU"][sound] for label, row in rows.items() if label != "ReLU")
    # The error is of amplitudes in which the largest is 1.
    recipe = {"recipe": "paper", "steps": 60, "hidden_layers": 1}
    fit = fit_signal(sounds["counting"][:, None], sample_rate=8000, omega_0=8000, **recipe)
    error = np.square((fit.reconstruction[:, 0] - sounds["counting"]) / np.abs(sounds["counting"]).max()).mean()
    assert rows["SIREN ω_r"]["Counting"] == pytest.approx(error, rel=1e-3)
    report.save(tmp_path, "table3")
    (tmp_path / "gt_movie.wav").unlink()
    with pytest.raises(OSError, match=r"gt_movie.wav is missing in .*soundbible"):
        EXPERIMENTS["table3"](Setup(data=tmp_path, quick=True))


@pytest.fixture
def div2k(tmp_path):
    for name in TINY:
        large = picture(64, 80)
        save(tmp_path / "DIV2K_valid_HR" / f"{name}.png", large)
        save(tmp_path / "DIV2K_valid_LR_bicubic" / "X4" / f"{name}x4.png", functional.avg_pool2d(large, 4))
    return tmp_path


def test_the_subset_is_built_by_halving(div2k):
    files = data.build(div2k, div2k / "out", TINY)
    assert [file.name for file in files] == ["0803.png", "0803x4.png", "0804.png", "0804x4.png"]
    original = Image.fromarray(pixels(div2k / "DIV2K_valid_HR" / "0803.png"))
    expected = np.asarray(original.resize((40, 32), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(pixels(files[0]), expected)
    assert pixels(files[1]).shape == (8, 10, 3)
    assert data.low(Setup(data=div2k / "out"), "0804") == files[3]


def test_a_subset_that_cannot_be_built_says_why(div2k):
    with pytest.raises(OSError, match=r"0805.png is missing: DIV2K's validation archives"):
        data.build(div2k, div2k / "out", ("0803", "0805"))
    assert not (div2k / "out").exists()  # nothing half done
    save(div2k / "DIV2K_valid_LR_bicubic" / "X4" / "0804x4.png", picture(15, 20))
    with pytest.raises(ValueError, match="15x20: the paper takes images with two even sides"):
        data.build(div2k, div2k / "out", TINY)
    save(div2k / "DIV2K_valid_LR_bicubic" / "X4" / "0804x4.png", picture(14, 20))
    with pytest.raises(ValueError, match="not four times"):
        data.build(div2k, div2k / "out", TINY)


def test_the_papers_own_subset(data):
    from siren_sr.reproduce import data as subset

    setup = Setup(data=data / "div2k_subset")
    for name in subset.NAMES:
        height, width, _ = pixels(subset.low(setup, name)).shape
        assert pixels(subset.high(setup, name)).shape == (4 * height, 4 * width, 3)


def test_command(pairs, div2k, capsys):
    out = pairs / "results"
    words = ["reproduce", "ratio", "--data", str(pairs), "--images", *TINY, "--out", str(out)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "| enlarged / HR |" in shown
    assert str(out / "ratio.json") in shown
    assert main(["reproduce", "data", "--div2k", str(div2k), "--out", str(out), "--images", "0803"]) == 0
    assert (out / "0803x4.png").is_file()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["table9"], "'table9' is unknown: use data or one of figure1"),
        (["data"], "reproduce data needs --div2k"),
        (["table4"], "give their folder (with 0803x4.png in it) as --data"),
        (["table3"], "this experiment needs sounds"),
        (["table4", "--data", "/nowhere"], "0803x4.png is missing in /nowhere: it belongs there"),
        (["table4", "--epochs", "0"], "--epochs must be >= 1"),
        (["table4", "--prior", "a:b"], "--prior is for table7"),
    ],
)
def test_command_errors(words, text, capsys):
    assert main(["reproduce", *words]) == 1
    assert text in capsys.readouterr().err


def test_a_callback_ends_an_experiment(pairs):
    from siren_sr.reproduce.report import Stopped

    with pytest.raises(Stopped):
        EXPERIMENTS["table4"](Setup(data=pairs, images=TINY, epochs=5, callback=lambda p: p.entry.step == 2))
