"""Internal learning: the trained network learns from the image itself, and is left as it was."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from problems import picture
from searching import low

from siren_sr import metrics, super_resolve
from siren_sr.superres.learned import internal, photographs
from siren_sr.superres.learned.conditions import Conditions
from siren_sr.training.progress import Monitor


def learned(images, size, updates=20, seed=0, monitor=None, spoil=None):
    generator = torch.Generator().manual_seed(seed)
    return internal.adapted(
        photographs.network(),
        images,
        size,
        kernel="bicubic",
        told=Conditions().tensor(images).expand(len(images), -1),
        spoil=spoil,
        updates=updates,
        generator=generator,
        monitor=monitor or Monitor(),
    )


def test_what_repeats_itself_is_learned(monkeypatch):
    # A spiral looks the same at every scale: its middle shows on few pixels what its rim shows on many.
    fine = torch.linspace(-1, 1, 4 * 192, dtype=torch.float64)
    radius, angle = torch.hypot(fine[:, None], fine), torch.atan2(fine[:, None], fine)
    spiral = 0.5 + 0.35 * torch.sign(torch.sin(9 * radius.log() + 3 * angle))
    hr = torch.nn.functional.avg_pool2d(spiral[None, None], 4)[0].expand(3, -1, -1).float()
    lr = low(hr, (48, 48))
    reached = {}
    for updates in (0, photographs.EFFORTS["best"].updates):
        monkeypatch.setitem(photographs.EFFORTS, "best", photographs.Effort(8, updates=updates))
        reached[updates] = metrics.psnr(super_resolve(lr, 4, quality="best"), hr)
    without, learnt = reached.values()
    assert learnt > without + 0.1


def test_the_trained_network_is_left_as_it_was():
    before = [p.clone() for p in photographs.network().parameters()]
    network = learned(low(picture(96, 96), (24, 24))[None], (96, 96), updates=3)
    assert all(torch.equal(a, b) for a, b in zip(before, photographs.network().parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(("shape", "size"), [((40, 26), (160, 104)), ((50, 30), (185, 111)), ((64, 30), (384, 90))])
def test_examples_are_versions_and_what_remains_of_them(shape, size):
    images = low(picture(*size), shape)[None]
    down = internal.Downsample.between(size, shape, like=images)
    examples = internal._examples(images, picture(*size)[None], down, internal._rounded)
    assert torch.equal(examples[0][1], images)
    for small, version in examples:
        times = [n / m for n, m in zip(version.shape[2:], small.shape[2:], strict=True)]
        torch.testing.assert_close(times, [n / m for n, m in zip(size, shape, strict=True)], rtol=0.1, atol=0)
        expected = low(version[0], small.shape[2:])
        torch.testing.assert_close(small[0], expected, rtol=0, atol=1.01 / 255)
    learned(images, size, updates=2)


def test_a_call_repeats_itself_and_draws_nothing_from_the_global_state():
    images = low(picture(96, 96), (24, 24))[None]
    state = torch.random.get_rng_state()
    first, again, other = (learned(images, (96, 96), updates=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_where_it_is_left_out():
    assert internal.possible((32, 32), (128, 128))
    assert not internal.possible((31, 32), (128, 128))  # fewer than 8 pixels would remain
    assert internal.possible((64, 64), (128, 192))
    assert not internal.possible((64, 64), (96, 192))  # hardly enlarged
    lr, stages = low(picture(128, 128), (32, 32)), []
    for options in ({"quality": "fast"}, {"scale": 1.8}):
        stages.clear()
        super_resolve(lr, **{"scale": 4, "quality": "best", **options}, callback=lambda p: stages.append(p.entry.step))
        assert len(stages) == 8


@pytest.mark.parametrize("quality", [85, 40])
def test_versions_of_a_compressed_image_are_compressed_by_its_tables(quality, monkeypatch):
    stream = BytesIO()
    pixels = low(picture(96, 128), (48, 64)).mul(255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    seen = []

    def watched(model, images, size, **options):
        version = picture(41, 56)[None]
        again = (options["spoil"](version)[0] * 255).round().byte().permute(1, 2, 0).numpy()
        other = BytesIO()
        pixels = version[0].mul(255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(other, "JPEG", quality=quality)
        seen.append(np.abs(np.asarray(Image.open(other), int) - again).max())
        return model

    monkeypatch.setattr(internal, "adapted", watched)
    super_resolve(stream, 2)
    assert len(seen) == 1
    assert seen[0] <= 2  # the range of the image is not quite all of [0, 1], which shifts values by less than a level


def test_versions_of_a_noisy_image_have_its_noise(monkeypatch):
    lr, found = low(picture(128, 128), (64, 64)), []

    def watched(model, images, size, **options):
        version = torch.full((1, 3, 64, 64), 0.5)
        found.append(float((options["spoil"](version) - version).std()))
        return model

    monkeypatch.setattr(internal, "adapted", watched)
    super_resolve(lr, 2, noise=0.05)
    assert found == [pytest.approx(0.05 / float(lr.max() - lr.min()), rel=0.03)]


def test_many_channels_and_large_images_take_no_more_updates():
    monitor = Monitor()
    learned(picture(24, 400).expand(5, -1, -1, -1), (96, 1600), updates=2, monitor=monitor)
    assert monitor.done == 2
    large, sides = torch.zeros(1, 3, 24, 400), (internal.SIDE, internal.SIDE)
    assert internal.random_part(large, sides, torch.Generator()).shape == (1, 3, 24, internal.SIDE)


def test_stopping_keeps_what_was_learned_so_far():
    images = low(picture(64, 64), (32, 32))
    expected = learned(images[None], (64, 64), updates=3)
    seen = []
    monitor = Monitor(lambda p: seen.append(p.entry.step) or len(seen) == 3)
    stopped = learned(images[None], (64, 64), updates=20, monitor=monitor)
    assert seen == [1, 2, 3]
    # The rate depends on how many updates were wanted: the weights are near those of as many updates, and not equal.
    for a, b in zip(stopped.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)
    assert not all(map(torch.equal, stopped.parameters(), photographs.network().parameters()))
