"""Modes of torch that a user may be in neither change a result nor are changed."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from problems import SMALL, eight_bit, picture

from siren_sr import Fit, derivatives, fit_signal, solve_poisson, super_resolve


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def default_device(name):
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


CONTEXTS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "a device of no values": lambda: torch.device("meta"),
    "a default device": lambda: default_device("meta"),
}

IMAGE = picture(10, 12)
LEVELS = eight_bit(IMAGE)
GRADIENT, LAPLACIAN = derivatives.image_gradient(IMAGE), derivatives.image_laplacian(IMAGE)
QUICK = {**SMALL, "steps": 3}


def loaded(tmp_path):
    fit_signal(IMAGE, **QUICK).save(tmp_path / "a.safetensors")
    return Fit.load(tmp_path / "a.safetensors").render(scale=1.5)


TASKS = {
    "fit": lambda _: fit_signal(IMAGE, **QUICK).render(scale=2),
    "fit of levels": lambda _: fit_signal(LEVELS, **QUICK).reconstruction,
    "fit of numbers": lambda _: fit_signal([0.0, 1.0, 4.0, 2.0], **QUICK).reconstruction,
    "fit by the whole grid": lambda _: fit_signal(IMAGE, recipe="whole", **QUICK).reconstruction,
    "fit by derivatives": lambda _: fit_signal(IMAGE, objective="mse_fft", **QUICK).reconstruction,
    "sound": lambda _: fit_signal(np.sin(np.arange(700.0)), sample_rate=8000, objective="mse_stft", **QUICK).render(),
    "tiles": lambda _: fit_signal(IMAGE, tiles=True, steps=8).reconstruction,
    "super resolution": lambda _: super_resolve(IMAGE, 2),
    "super resolution of a batch": lambda _: super_resolve(torch.stack([IMAGE, IMAGE.flip(1)]), 4),
    "search": lambda _: super_resolve(IMAGE, 2, prior=None, quality="standard"),
    "search by a kernel": lambda _: super_resolve(IMAGE, 2, prior=None, quality="fast", kernel=0.7),
    "continuous": lambda _: super_resolve(LEVELS, 3, return_fit=True, steps=2).render(scale=2.5),
    "best": lambda _: super_resolve(IMAGE, 4, quality="best", callback=lambda p: p.entry.step > 3),
    "published": lambda _: super_resolve(IMAGE, 2, strategy="trick2", steps=3),
    "poisson": lambda _: solve_poisson(gradient=GRADIENT, mean=0.5, **QUICK),
    "poisson, analytical": lambda _: solve_poisson(
        laplacian=LAPLACIAN, mean=[0.5, 0.4, 0.5], method="analytical", **QUICK
    ),
    "loaded": loaded,
}


@pytest.mark.parametrize("task", TASKS)
def test_no_task_is_disturbed(task, tmp_path):
    expected = TASKS[task](tmp_path)
    for name, context in CONTEXTS.items():
        with context():
            inside = modes()
            found = TASKS[task](tmp_path)
            assert modes() == inside, name
        assert type(found) is type(expected)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected), err_msg=name)
        if isinstance(found, torch.Tensor):
            assert not found.is_inference()


def modes():
    return (
        torch.get_default_dtype(),
        torch.empty(0).device,
        torch.is_autocast_enabled("cpu"),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.get_rng_state().tolist() if torch.empty(0).device.type == "cpu" else None,
    )
