"""The learned upscaler: any size, continuous, the same whole and in parts, differentiable, as a file, trained alike."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from problems import picture

from benchmarks.prior_data import Photographs, compress, compress_all, photographs, rounded, shrink
from benchmarks.prior_optimizer import orthogonal
from benchmarks.prior_training import Settings, Training
from siren_sr.grids import coordinates, resampling
from siren_sr.superres.learned import Conditions, LearnedUpscaler, load, save


def network(*, lively=True, **options):
    """A small network; a new one adds nothing to bicubic interpolation, a lively one does."""
    generator = torch.Generator().manual_seed(0)
    model = LearnedUpscaler(**{"channels": 8, "blocks": 1, "hidden_features": 12, **options}, generator=generator)
    if lively:
        with torch.no_grad():
            model.decoder.output.weight.normal_(0, 0.3, generator=generator)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def image():
    return picture(14, 19)[None]


@pytest.mark.parametrize("size", [(14, 19), (56, 76), (15, 20), (37, 31), (14, 152), (112, 19)])
def test_any_scale_per_axis(image, size):
    assert network()(image, size).shape == (1, 3, *size)


def test_new_weights_are_bicubic_interpolation(image):
    torch.testing.assert_close(network(lively=False)(image, (33, 57)), resampling.resize(image, (33, 57)))


@pytest.mark.parametrize("size", [(13, 19), (14, 153), (56,)])
def test_sizes_out_of_range_are_refused(image, size):
    with pytest.raises(ValueError, match="from 1 to 8 times"):
        network()(image, size)


def test_other_channels_are_refused(image):
    with pytest.raises(ValueError, match=r"\(B, 3, h, w\), got \(1, 1, 14, 19\)"):
        network()(image[:, :1], (28, 38))


@pytest.mark.parametrize("tile", [3, 5, 16])
def test_parts_make_the_whole(image, tile):
    model = network()
    whole = model(image, (41, 76))
    torch.testing.assert_close(model(image, (41, 76), tile=tile), whole, rtol=0, atol=2e-6)
    with torch.enable_grad():  # without chunks of rows
        torch.testing.assert_close(model(image, (41, 76)), whole, rtol=0, atol=2e-6)


def test_a_batch_is_its_images(image):
    model = network()
    both = torch.cat([image, image.flip(3)])
    told = torch.cat([Conditions().tensor(image), Conditions(0.02, 0.3, 0.2).tensor(image)])
    result = model(both, (30, 40), conditions=told)
    torch.testing.assert_close(result[1:], model(both[1:], (30, 40), conditions=Conditions(0.02, 0.3, 0.2)))
    assert (result[1:] - model(both[1:], (30, 40))).abs().max() > 1e-3  # what is told matters


def test_points_are_the_pixels_of_the_grid(image):
    model = network()
    points = coordinates.points(coordinates.axes((14, 19), size=(28, 57), dtype=torch.float64))
    values = model.at_points(image, points, scale=(2, 3))
    torch.testing.assert_close(values[0].T.reshape(3, 28, 57), model(image, (28, 57))[0], rtol=0, atol=1e-5)


def test_nothing_jumps_between_pixels(image):
    model = network().double()
    border, centre = 2 * 7 / 19 - 1, 2 * 7.5 / 19 - 1
    for x in (border, centre):
        points = torch.tensor([[x - 1e-9, 0.1], [x + 1e-9, 0.1]], dtype=torch.float64, requires_grad=True)
        values = model.at_points(image.double(), points, scale=4.0)
        assert (values[0, 0] - values[0, 1]).abs().max() < 1e-6
        (slope,) = torch.autograd.grad(values[0, :, 0].sum(), points)
        assert (slope[0] - slope[1]).abs().max() < 1e-4  # nor does the gradient


def test_gradients_with_respect_to_the_points(image):
    model = network().double()
    points = torch.rand(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 1.6 - 0.8
    points.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda p: model.at_points(image.double(), p, scale=2.5), (points,))


def test_a_file_gives_the_network_back(image, tmp_path):
    model = network().half().float()
    save(model, tmp_path / "x.safetensors", notes={"licence": "MIT"})
    again, notes = load(tmp_path / "x.safetensors")
    assert notes == {"licence": "MIT"}
    assert again.config() == model.config()
    torch.testing.assert_close(again(image, (30, 40)), model(image, (30, 40)), rtol=0, atol=0)


def test_files_that_are_no_networks(tmp_path):
    with pytest.raises(ValueError, match="change the extension"):
        save(network(), tmp_path / "x.pt")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.safetensors")
    Path(tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        load(tmp_path / "x.safetensors")


def test_the_standard_network_fits_a_megabyte(tmp_path):
    save(LearnedUpscaler(), tmp_path / "x.safetensors", notes={"licence": "MIT", "credits": "CREDITS.tsv"})
    assert (tmp_path / "x.safetensors").stat().st_size <= 1_000_000


def small_run(steps, seed=0):
    settings = Settings(steps=steps, batch=2, patch=8, points=16, degraded=0.5, seed=seed, adam_rate=5e-3, drawings=4)
    blocks = torch.rand(3, 24, 40, generator=torch.Generator().manual_seed(2)).repeat_interleave(4, 1)
    sharp = [(p * 255).byte() for p in (blocks.repeat_interleave(4, 2), blocks.flip(2).repeat_interleave(3, 2))]
    start = LearnedUpscaler(channels=16, blocks=1, hidden_features=16, generator=torch.Generator().manual_seed(seed))
    return Training(sharp, settings, start=start)


def test_the_same_seed_gives_the_same_weights_also_after_an_interruption():
    whole = small_run(5)
    state = torch.random.get_rng_state()
    for _ in range(5):
        whole.step()
    assert torch.equal(state, torch.random.get_rng_state())
    first, second = small_run(5), small_run(5)
    for _ in range(2):
        first.step()
    second.restore(first.state())
    for _ in range(3):
        second.step()
    for a, b in zip(whole.averaged().parameters(), second.averaged().parameters(), strict=True):
        assert torch.equal(a, b)
    other = small_run(5, seed=1)
    other.step()
    assert not torch.equal(other.model.head.weight, whole.model.head.weight)
    assert len(whole.mean) == len(list(whole.model.parameters()))


def test_training_lowers_the_loss():
    run = small_run(150)
    run.data._size = lambda degraded: (16, 16)
    batch = run.data.draw()
    run.data.draw = lambda: batch
    run.step()
    before = run.losses
    for _ in range(149):
        run.step()
    assert run.losses < 0.95 * before


def test_an_update_sees_what_the_network_answers():
    run = small_run(5)
    run.precision = None
    with torch.no_grad():
        run.model.decoder.output.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))
    batch = run.data.draw()
    run.data.draw = lambda: batch
    # All pixels are chosen then, each as often as the others, so that means over them are means over the picture.
    size = batch.large.shape[2:]
    run.settings = dataclasses.replace(run.settings, points=math.lcm(*size))
    with torch.no_grad():
        found = run.model(batch.small, size, conditions=batch.conditions) - batch.large
        assert run.difference(run._draw()).abs().mean() == pytest.approx(float(found.abs().mean()), rel=1e-4)


def test_crops_are_parts_of_the_pictures():
    stock = [torch.arange(3 * h * w).view(3, h, w).float() for h, w in ((40, 50), (48, 41))]
    data = Photographs([], batch=6, patch=5, degraded=0.0, seed=0, drawn=stock)
    turned = [p.rot90(k, (1, 2)).flip([2] if f else []) for p in stock for k in range(4) for f in (0, 1)]
    found = set()
    for size in ((7, 11), (40, 40), (13, 2)):
        for crop in data._crops(size):
            places = [
                (n, i, j)
                for n, p in enumerate(turned)
                for i, j in (p[0] == crop[0, 0, 0]).nonzero().tolist()
                if torch.equal(p[:, i : i + size[0], j : j + size[1]], crop)
            ]
            assert len(places) == 1
            found.add(places[0][0])
    assert len(found) > 6


@pytest.mark.parametrize("quality", [15, 60, 92])
@pytest.mark.parametrize("subsampled", [False, True])
def test_compression_of_many_images_is_what_files_lose(quality, subsampled):
    smooth = rounded(resampling.resize(torch.rand(3, 3, 9, 9, generator=torch.Generator().manual_seed(0)), (45, 52)))
    mine = compress_all(smooth, torch.full((3,), quality), torch.full((3,), subsampled))
    files = torch.stack([compress(image, quality, subsampled=subsampled) for image in smooth])
    lost, off = (255 * (x - files).abs() for x in (smooth, mine))
    assert (off <= 1).float().mean() > 0.93
    assert off.square().mean() < 0.05 * lost.square().mean()


def test_pictures_of_a_folder(tmp_path):
    for i in range(15):
        Image.new("RGB", (30, 20), (i, 0, 0)).save(tmp_path / f"{i:02}.png")
    (tmp_path / "CREDITS.tsv").write_text("")
    training, held_out = photographs(tmp_path)
    assert [int(p[0, 0, 0]) for p in held_out] == [13]
    assert len(training) == 14
    assert training[0].shape == (3, 20, 30)


def test_degraded_images_and_what_is_told_of_them():
    data = Photographs([(picture(90, 80) * 255).byte()], batch=4, patch=8, degraded=1.0, seed=0)
    told = torch.cat([data.draw().conditions for _ in range(20)])
    assert (told >= 0).all()
    assert ((told > 0).float().mean(0) > 0.15).all()
    assert ((told == 0).float().mean(0) > 0.2).all()
    small = shrink(picture(64, 64), (32, 32))
    assert (small * 255 - (small * 255).round()).abs().max() < 1e-4
    assert 0.001 < (compress(small, 60, subsampled=False) - small).abs().mean() < 0.05


def test_orthogonal_steps():
    matrices = torch.randn(2, 6, 20, generator=torch.Generator().manual_seed(0))
    for m in (matrices, matrices.mT):
        values = torch.linalg.svdvals(orthogonal(m))
        assert 0.5 < values.min() < values.max() < 1.5
