"""What a project that uses siren_sr looks like: an initializer, an objective, a recipe and a strategy of its own.

pyright checks this file in strict mode against the installed package, and the tests run it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from typing_extensions import assert_type

import siren_sr
from siren_sr import Fit, Siren, fit_signal, solve_poisson, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres import Plan, Problem
from siren_sr.training import Progress, Stage, objectives
from siren_sr.training.field import Field, Objective, weighted
from siren_sr.training.optimizers import adam, cosine
from siren_sr.training.recipes import Recipe


def gaussian_(weight: Tensor, *, omega_0: float, is_first: bool, generator: torch.Generator | None = None) -> Tensor:
    """An initializer: normal weights of the same variance as Sitzmann's."""
    fan_in = weight.shape[1]
    std = 1 / (math.sqrt(3) * fan_in) if is_first else math.sqrt(2 / fan_in) / omega_0
    return torch.nn.init.normal_(weight, 0.0, std, generator=generator)


def smooth(target: Tensor) -> Objective:
    """An objective: squared error, and a penalty on the exact gradient."""

    def objective(field: Field) -> Tensor:
        return (field.values - target).square().mean() + 1e-3 * field.gradient.square().mean()

    return objective


def gentle(*, dims: int, hidden_layers: int, activation: str | Callable[[Tensor], Tensor]) -> Recipe:
    """A recipe: Adam with a cosine decay."""
    return Recipe(steps=200 if dims == 1 else 1000, optimizer=adam(2e-4), scheduler=cosine)


def binned(problem: Problem) -> Plan:
    """A strategy: the network's blocks average to the image's pixels."""
    low = tuple(problem.image.shape[-2:])
    matrices = resampling.resize_bands(problem.size, low, kernel="box", like=problem.image)
    steps = 300 if problem.steps is None else problem.steps
    stage = Stage(
        objective=weighted(
            [
                (1.0, objectives.consistency(problem.image, lambda picture: resampling.apply(matrices, picture))),
                (1e-3, objectives.total_variation()),
            ]
        ),
        steps=steps,
        shape=problem.size,
        optimizer=adam(1e-3),
        scheduler=cosine(steps),
        name="binned",
    )
    return Plan(stages=(stage,), first_omega_0=30.0, hidden_features=32)


def told(progress: Progress) -> bool:
    """A callback: stops when the network is good enough."""
    return progress.entry.psnr > 60


def study(folder: str | os.PathLike[str]) -> dict[str, float]:
    """Everything once, on a small picture; returns how good the fits are."""
    image = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0))
    array: npt.NDArray[np.uint8] = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    path = os.path.join(folder, "image.png")
    Image.fromarray(array).save(path)

    fit = fit_signal(image, first_init=gaussian_, hidden_init=gaussian_, objective=smooth, hidden_features=32, steps=5)
    assert_type(fit, Fit)
    trained = fit_signal(path, recipe=gentle, hidden_features=32, steps=5, callback=told)

    assert_type(super_resolve(image, 2, quality="fast"), Tensor)
    assert_type(super_resolve(array, scale=2, quality="fast"), npt.NDArray[Any])
    assert_type(super_resolve(Image.fromarray(array), size=(24, 32), quality="fast"), Image.Image)
    with open(path, "rb") as stream:
        assert_type(super_resolve(stream, 2, quality="fast"), Image.Image | npt.NDArray[np.uint16])
    larger = super_resolve(image, 2, strategy=binned, steps=5, return_fit=True)
    assert_type(larger, Fit)
    assert_type(super_resolve(path, 2, strategy=binned, steps=5, return_fit=True), Fit)

    gradient = siren_sr.derivatives.image_gradient(image)
    assert_type(gradient, Tensor)
    assert_type(solve_poisson(gradient=gradient, mean=0.5, hidden_features=32, steps=2), Tensor)
    solved = solve_poisson(laplacian=np.zeros((8, 9)), hidden_features=32, steps=2)
    assert_type(solved, npt.NDArray[Any])
    assert_type(solve_poisson(gradient=gradient, hidden_features=32, steps=2, return_fit=True), Fit)

    model = Siren(2, 3, first_omega_0=siren_sr.omega.choose(image), activation=torch.tanh, hidden_features=32)
    assert_type(siren_sr.derivatives.laplacian(model, torch.zeros(4, 2)), Tensor)
    assert_type(siren_sr.metrics.psnr(image, image * 0.9), float)
    generator = torch.Generator().manual_seed(0)
    weight = siren_sr.init.INITIALIZERS["sitzmann"](torch.empty(4, 2), omega_0=30.0, is_first=True, generator=generator)
    assert_type(weight, Tensor)

    fit.save(os.path.join(folder, "fit.safetensors"))
    loaded = Fit.load(os.path.join(folder, "fit.safetensors"))
    return {"fit": loaded.psnr, "trained": trained.psnr, "enlarged": larger.psnr}


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        print(study(scratch))
