"""The paper's three strategies (section 3.4).

They fit the network to the low-resolution image, and to versions of it that are blurred or enlarged by bicubic
interpolation, and then evaluate it on a denser grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from siren_sr import derivatives, omega
from siren_sr.grids import resampling
from siren_sr.signals import Signal
from siren_sr.superres.plan import Plan, Problem
from siren_sr.training import objectives
from siren_sr.training.field import weighted
from siren_sr.training.loop import Stage
from siren_sr.training.optimizers import adam, reduce_on_plateau


def basic(problem: Problem) -> Plan:
    """Plan the basic SIREN of Table 7: 5000 epochs on the low-resolution image."""
    return _published(problem, [(1, 1, 5000)])


def trick1(problem: Problem) -> Plan:
    """Plan SIREN trick 1 of Table 7 (Figure 2, top): blurred versions of the image, the image, then enlarged ones."""
    return _published(
        problem,
        [(4, 4, 500), (3, 3, 500), (2, 2, 500), (1.5, 1.5, 500), (1, 1, 1000), (1, 1.5, 1000), (1, 2, 1000)],
    )


def trick2(problem: Problem) -> Plan:
    """Plan SIREN trick 2 of Table 7 (Figure 2, bottom): the image, then bicubic enlargements.

    The enlargements reach ×3 in twenty steps.
    """
    return _published(problem, [(1, 1, 1000), *((1, 1 + i / 10, 200) for i in range(1, 21))])


def _published(problem: Problem, schedule: Sequence[tuple[float, float, int]]) -> Plan:
    """Plan a training of section 5.5 in (down, up, epochs) stages, each on the image reduced and then enlarged.

    Adam has the learning rate 5e-4 and the weight decay 5e-6, the loss is MSE + MSE of 0.1·Sobel, and ω0 is ω_HR.
    ``problem.steps`` scales the epochs in proportion. Errors are summed over channels as in the published code, where
    the weight decay has its meaning relative to that sum. Blurred versions that would have no pixel are left out.
    """
    smallest = min(problem.image.shape[-2:])
    schedule = [entry for entry in schedule if smallest >= entry[0]]
    share = 1.0 if problem.steps is None else problem.steps / sum(epochs for _, _, epochs in schedule)
    ends = np.rint(np.cumsum([0, *(epochs for _, _, epochs in schedule)]) * share).astype(int).tolist()
    stages = []
    for i, (down, up, _) in enumerate(schedule):
        target = resampling.resize_as_published(problem.image, down=down, up=up)
        gradient = derivatives.image_gradient(target)
        stages.append(
            Stage(
                objective=weighted(
                    [
                        (1.0, objectives.value(target, channel_sum=True)),
                        (1.0, objectives.gradient(gradient, factor=0.1, channel_sum=True)),
                    ]
                ),
                steps=ends[i + 1] - ends[i],
                shape=tuple(target.shape[-2:]),
                optimizer=adam(5e-4, weight_decay=5e-6),
                scheduler=reduce_on_plateau(patience=20),
                score=objectives.value(target),
                align_corners=problem.align_corners,
                name=f"down {down:g}, up {up:g}",
                worse=math.inf,  # the published code ends where it ends
            )
        )
    omega_hr = omega.omega_hr(Signal.of(problem.image), size=problem.size)
    return Plan(tuple(s for s in stages if s.steps > 0), max(omega.MINIMUM, omega_hr))
