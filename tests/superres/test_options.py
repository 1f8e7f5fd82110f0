"""What may be asked of a super resolution, and what is refused before any work."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from problems import picture

from siren_sr import fit_signal, super_resolve
from siren_sr.superres.plan import Problem
from siren_sr.superres.published import basic, trick1, trick2


@pytest.mark.parametrize(
    "scale", [np.float32(2), Fraction(2), torch.tensor(2.0), np.array([2, 2]), torch.tensor([2, 2])]
)
def test_scales_and_steps_of_other_types(scale):
    found = super_resolve(picture(6, 7), scale, steps=np.int64(1), quality="fast")
    assert torch.equal(found, super_resolve(picture(6, 7), 2, steps=1, quality="fast"))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"scale": "4"}, TypeError, "scale must be a number"),
        ({"size": 45}, TypeError, "size must be 2 integers"),
        ({"scale": 1e9}, ValueError, "x8000000000 with 3 channels, .* GiB in float32: at most 2.33 values"),
        ({"noise": 10}, ValueError, "noise=10.* is more than the image's whole range, .* divide by 255"),
        ({"noise": -1}, ValueError, "noise=-1 is no standard deviation"),
        ({"device": "foo"}, ValueError, 'device="foo" cannot be used here .*: use "cpu"'),
        ({"device": "meta"}, ValueError, 'device="meta" cannot be used here'),
        ({"device": 3.5}, TypeError, "device must be a name"),
        ({"generator": 3}, TypeError, "generator must be a torch.Generator, got int"),
        ({"strategy": lambda problem: None}, TypeError, "strategy must return a Plan or a TiledPlan, got NoneType"),
        ({"quality": []}, TypeError, "quality must be one of"),
        ({"callback": 3}, TypeError, "callback must be a callable"),
        ({"strategy": trick1, "noise": 0.1}, ValueError, 'strategy="trick1" is as published and knows no noise'),
        ({"strategy": basic, "quality": "fast", "kernel": "box"}, ValueError, "knows no quality, kernel"),
        ({"strategy": trick2, "prior": lambda x: x}, ValueError, "knows no prior"),
        ({"steps": True}, TypeError, "steps must be an integer"),
    ],
)
def test_refused(options, error, text):
    with pytest.raises(error, match=text):
        super_resolve(picture(6, 8), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_a_device_that_is_not_here():
    for task in (super_resolve, fit_signal):
        with pytest.raises(ValueError, match=r'device="cuda" cannot be used here .*: use "cpu"'):
            task(picture(6, 8), device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_generator_that_is_not_on_the_cpu():
    with pytest.raises(ValueError, match="generator must be on the CPU"):
        super_resolve(picture(6, 8), generator=torch.Generator("cuda"))


@pytest.mark.parametrize("shape", [(12, 16), (3, 3), (1, 5)])
@pytest.mark.parametrize("steps", [500, 37])
def test_a_published_schedule_has_the_steps_asked_for_at_any_size(shape, steps):
    problem = Problem(picture(*shape) * 2 - 1, (4 * shape[0], 4 * shape[1]), steps, False, "standard", "bicubic", 0.0)
    assert sum(stage.steps for stage in trick1(problem).stages) == steps
