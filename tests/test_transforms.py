"""Super resolution in pipelines of torchvision and kornia; torchvision's images in and out of every task."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from problems import picture

pytest.importorskip("torchvision")
from torchvision import tv_tensors
from torchvision.transforms import v2

from siren_sr import Fit, fit_signal, super_resolve
from siren_sr.transforms import SuperResolve

FAST = {"quality": "fast", "steps": 1}


def image(height=8, width=10):
    return (picture(height, width) * 255).round().byte()


def test_a_transform_is_the_function():
    given = picture(8, 10)
    expected = super_resolve(given, 2, **FAST)
    enlarge = SuperResolve(2, **FAST)
    assert torch.equal(enlarge(given), expected)
    assert torch.equal(pickle.loads(pickle.dumps(enlarge))(given), expected)  # for workers of a data loader
    assert str(enlarge) == "SuperResolve(scale=2, quality='fast')"
    pil = enlarge(Image.fromarray(image().permute(1, 2, 0).numpy()))
    assert pil.size == (20, 16)
    batch = torch.stack([given, given.flip(1)])[None]
    torch.testing.assert_close(enlarge(batch)[0, 0], expected)
    assert enlarge(batch).shape == (1, 2, 3, 16, 20)


def test_a_sample_with_labels_stays_consistent():
    mask = torch.zeros(8, 10, dtype=torch.uint8)
    mask[2:4, 3:7] = 5
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[3, 2, 7, 4]]), format="XYXY", canvas_size=(8, 10))
    sample = {"image": tv_tensors.Image(image()), "mask": tv_tensors.Mask(mask), "boxes": boxes, "label": 3}
    found = v2.Compose(
        [SuperResolve(3, **FAST), v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)]
    )(sample)
    assert isinstance(found["image"], tv_tensors.Image)
    assert found["image"].shape == (3, 24, 30)
    torch.testing.assert_close(
        torch.as_tensor(found["image"]), super_resolve(image(), 3, **FAST).float() / 255, rtol=0, atol=1e-6
    )
    assert found["boxes"].tolist() == [[9, 6, 21, 12]]
    assert found["boxes"].canvas_size == (24, 30)
    assert torch.equal(torch.as_tensor(found["mask"]), mask.repeat_interleave(3, 0).repeat_interleave(3, 1))
    assert found["label"] == 3


def test_frames_of_a_video():
    video = tv_tensors.Video(torch.stack([image(), image().flip(2)]))
    found = SuperResolve((2, 1.5), **FAST)(video)
    assert isinstance(found, tv_tensors.Video)
    assert torch.equal(torch.as_tensor(found[1]), super_resolve(image().flip(2), (2, 1.5), **FAST))


def test_in_a_pipeline_of_kornia():
    kornia = pytest.importorskip("kornia")
    given = torch.stack([picture(8, 10), picture(8, 10).flip(2)])
    pipeline = kornia.augmentation.ImageSequential(kornia.augmentation.CenterCrop((6, 8)), SuperResolve(2, **FAST))
    expected = super_resolve(given[..., 1:7, 1:9].contiguous(), 2, **FAST)
    torch.testing.assert_close(pipeline(given), expected, rtol=0, atol=1e-4)
    gray = torch.nn.Sequential(SuperResolve(2, **FAST), kornia.color.RgbToGrayscale())
    assert gray(given).shape == (2, 1, 16, 20)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"quality": "great"}, ValueError, "quality='great' is unknown"),
        ({"noise": "much"}, TypeError, "noise must be a number"),
        ({"steps": 0}, ValueError, "steps must be >= 1"),
        ({"scale": None}, ValueError, "scale must be >= 1 on each axis, got None"),
        ({"scale": 0.5}, ValueError, "scale must be >= 1 on each axis, got 0.5"),
        ({"scale": "a"}, TypeError, "scale must be a number"),
        ({"scale": (2, 2, 2)}, ValueError, "scale must be a finite number > 0, or 2 of them"),
    ],
)
def test_bad_options_are_refused_when_the_transform_is_made(options, error, text):
    with pytest.raises(error, match=text):
        SuperResolve(**options)


def test_images_of_torchvision_come_back_as_such(tmp_path):
    given = tv_tensors.Image(image())
    enlarged = super_resolve(given, 2, **FAST)
    assert isinstance(enlarged, tv_tensors.Image)
    assert torch.equal(torch.as_tensor(enlarged), super_resolve(image(), 2, **FAST))
    batch = super_resolve(tv_tensors.Image(torch.stack([image(), image()])), 2, **FAST)
    assert isinstance(batch, tv_tensors.Image)
    assert batch.shape == (2, 3, 16, 20)
    for one in fit_signal(tv_tensors.Image(torch.stack([image(), image()])), hidden_features=16, steps=1):
        assert isinstance(one.reconstruction, tv_tensors.Image)
    fit = fit_signal(given, hidden_features=16, steps=2)
    assert isinstance(fit.reconstruction, tv_tensors.Image)
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors").render(scale=2)
    assert isinstance(loaded, tv_tensors.Image)
    np.testing.assert_array_equal(loaded, fit.render(scale=2))
