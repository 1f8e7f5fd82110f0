"""A run that trains the learned upscaler: its length, its state, and one update."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn

from benchmarks.prior_data import Photographs, matrix
from benchmarks.prior_drawings import drawings
from benchmarks.prior_optimizer import Muon
from siren_sr.grids.resampling import centres
from siren_sr.superres.convolution import fast_precision
from siren_sr.superres.learned import LearnedUpscaler, decoding

WARM_UP = 100  # steps, but no more than a tenth of a short run
END = 0.01  # share of the rate that is left at the end
MEAN = 0.999  # share of the running mean of the weights that a step keeps; less at first
EAGER = 3  # updates that a GPU makes one operation at a time, before it records them
TINY = 1e-6  # of a mean square, below which an image is as good as equal


@dataclass(frozen=True)
class Settings:
    """What a run depends on, besides the pictures.

    Attributes:
        hours: Length of the run, or
        steps: number of updates; whichever ends first.
        rate: Of Muon, for the inner convolutions.
        adam_rate: Of Adam for everything else.
        batch: Images of a batch, in each process.
        patch: Pixels of a small image, per side.
        points: Rows and columns of each large image on which the loss is taken, at random: neighbours say the same.
        degraded: Share of batches with blur, noise or compression.
        seed: Of the initial weights and of all draws.
        every: Seconds between checkpoints.
        drawings: How many drawings are made, of which one crop in `benchmarks.prior_data.DRAWN` is.
        squares_from: Share of the run after which the loss is the root of the mean square error of each image, no
            longer the mean absolute error.
        device: cpu or cuda.
    """

    hours: float = math.inf
    steps: int = 2**62
    rate: float = 1e-3
    adam_rate: float = 1e-3
    batch: int = 8
    patch: int = 48
    points: int = 48
    degraded: float = 0.2
    seed: int = 0
    every: float = 150.0
    drawings: int = 48
    squares_from: float = 1.0
    device: str = "cpu"


class Inputs(NamedTuple):
    """What an update reads, in tensors of the same shapes at any scale.

    Attributes:
        small: (B, 3, h, w).
        conditions: (B, 3).
        wanted: What is to be added to bicubic interpolation at the chosen rows and columns, (B, m, n, 3).
        down: Bicubic interpolation to these rows, (m, h).
        across: The same to these columns, (n, w).
        rows: The rows (m,), counted in pixels of the small image, float64.
        columns: The columns (n,).
        cell: How many times finer the pixels are than the small image's, (2,), float64.
    """

    small: Tensor
    conditions: Tensor
    wanted: Tensor
    down: Tensor
    across: Tensor
    rows: Tensor
    columns: Tensor
    cell: Tensor


class Training:
    """A run: the network, the optimizers, the running mean of the weights and the draws, as one state.

    On a GPU an update is recorded once, as a CUDA graph, and repeated: it consists of a thousand small operations, and
    to start them one by one takes longer than to do them.
    """

    def __init__(self, pictures: Sequence[Tensor], settings: Settings, *, start: LearnedUpscaler | None = None) -> None:
        """Begin a run, with new weights or those of another network."""
        self.settings, self.device = settings, torch.device(settings.device)
        model = start or LearnedUpscaler(generator=torch.Generator().manual_seed(settings.seed))
        self.model = model.to(self.device).train()
        self.precision = fast_precision(next(self.model.parameters()))
        self.data = Photographs(
            pictures,
            batch=settings.batch,
            patch=settings.patch,
            degraded=settings.degraded,
            seed=settings.seed + rank(),
            drawn=drawings(settings.drawings, settings.seed),
            device=self.device,
        )
        matrices, others = _kinds(self.model)
        self.rates = [settings.rate, settings.adam_rate]
        self._rates = [torch.tensor(rate, device=self.device) for rate in self.rates]
        on_gpu = self.device.type == "cuda"
        torch.backends.cudnn.benchmark = on_gpu  # all updates have the same shapes
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon(matrices, self._rates[0]),
            torch.optim.Adam(others, self._rates[1], betas=(0.9, 0.99), fused=True, capturable=on_gpu),
        ]
        self.mean = [p.detach().clone() for p in self.model.parameters()]
        self._share = torch.zeros((), device=self.device)
        self._loss = torch.zeros((), device=self.device)
        self._square = torch.zeros((), device=self.device)
        self._stream = torch.cuda.Stream() if on_gpu else None
        self._graph: Any = None
        self._inputs: Inputs | None = None
        self._eager = EAGER
        self.taken, self.seconds = 0, 0.0
        self.rows: list[dict[str, float]] = []

    @property
    def progress(self) -> float:
        """The share of the run that is over."""
        return max(self.taken / self.settings.steps, self.seconds / 3600 / self.settings.hours)

    @property
    def losses(self) -> float:
        """The running mean of the loss."""
        return float(self._loss)

    def step(self) -> None:
        """One update."""
        start = time.perf_counter()
        with torch.cuda.stream(self._stream):
            self._prepare()
            inputs = self._draw()
            if self._stream is None or self._eager > 0:
                self._eager -= 1
                self._update(inputs)
            else:
                self._repeat(inputs)
        self.taken += 1
        self.seconds = self._shared_seconds(self.seconds + time.perf_counter() - start)

    def _prepare(self) -> None:
        """Set what changes from update to update."""
        share = END + (1 - END) * 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress)))
        warm_up = min(WARM_UP, max(1, self.settings.steps // 10))
        for tensor, rate in zip(self._rates, self.rates, strict=True):
            tensor.fill_(rate * share * min(1.0, (self.taken + 1) / warm_up))
        self._share.fill_(1 - min(MEAN, 1 - 1 / (1 + 0.2 * (self.taken + 1))))
        self._square.fill_(float(self.progress >= self.settings.squares_from))

    def _draw(self) -> Inputs:
        """Draw a batch, and what an update needs of it."""
        batch = self.data.draw()
        large, small = batch.large.shape[2:], batch.small.shape[2:]
        points = self.settings.points
        # Where a side has fewer pixels than the points that are wanted, some count twice.
        chosen = [
            torch.randperm(n, generator=self.data.generator).repeat(-(-points // n))[:points].sort().values
            for n in large
        ]
        places = [i.to(self.device, non_blocking=True) for i in chosen]
        down, across = (matrix(n, m, self.device)[i] for n, m, i in zip(small, large, places, strict=True))
        wanted = batch.large[:, :, places[0]][..., places[1]] - down @ batch.small @ across.T
        rows, columns = (centres(m, n)[i].to(self.device) for m, n, i in zip(large, small, chosen, strict=True))
        cell = torch.tensor([m / n for m, n in zip(large, small, strict=True)], dtype=torch.float64)
        wanted = wanted.permute(0, 2, 3, 1).contiguous()
        return Inputs(batch.small, batch.conditions, wanted, down, across, rows, columns, cell.to(self.device))

    def difference(self, inputs: Inputs) -> Tensor:
        """What the network adds to bicubic interpolation, less what it should."""
        chosen = {"dtype": self.precision or torch.bfloat16, "enabled": self.precision is not None}
        with torch.autocast(self.device.type, **chosen, cache_enabled=False):
            features = self.model.features(inputs.small, inputs.conditions)
            added = decoding.sampled(
                self.model.decoder,
                features,
                (inputs.down, inputs.across),
                (inputs.rows, inputs.columns),
                cell=inputs.cell,
                harmonics=self.model.harmonics,
            )
        return added.float() - inputs.wanted

    def _update(self, inputs: Inputs) -> None:
        """Change the weights and their running mean. Nothing in here waits for a number, unless processes share it."""
        difference = self.difference(inputs)
        absolute = difference.abs().mean()
        # Of every image the root of the mean square, whose logarithm PSNR is.
        root = (difference.square().mean((1, 2, 3)) + TINY).sqrt().mean()
        loss = absolute.lerp(root, self._square)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._share_gradients()
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            for mean, p in zip(self.mean, self.model.parameters(), strict=True):
                mean.lerp_(p, self._share)
            # Like the weights' mean, so that the first losses do not stay in it.
            self._loss.lerp_(absolute, self._share.clamp(min=0.01))

    def _repeat(self, inputs: Inputs) -> None:
        """The recorded `_update`, of new inputs."""
        if self._inputs is None or self._graph is None:
            self._inputs = Inputs(*(tensor.clone() for tensor in inputs))
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._update(self._inputs)
        for mine, new in zip(self._inputs, inputs, strict=True):
            mine.copy_(new)
        self._graph.replay()

    def _share_gradients(self) -> None:
        """Replace the gradients by their mean over all processes."""
        if not distributed.is_initialized():
            return
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _shared_seconds(self, seconds: float) -> float:
        """The mean over all processes: seconds decide when all of them end."""
        if not distributed.is_initialized():
            return seconds
        total = torch.tensor(seconds, dtype=torch.float64)
        distributed.all_reduce(total)
        return float(total) / distributed.get_world_size()

    def averaged(self) -> LearnedUpscaler:
        """A network with the running mean of the weights."""
        model = LearnedUpscaler(**self.model.config(), generator=torch.Generator()).to(self.device)
        with torch.no_grad():
            for p, mean in zip(model.parameters(), self.mean, strict=True):
                p.copy_(mean)
        return model.eval()

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs."""
        return {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "mean": self.mean,
            "data": gathered(self.data.state),
            "numbers": (self.taken, self.seconds, self.losses),
            "rows": self.rows,
            "rates": self.rates,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where a run was."""
        self.model.load_state_dict(state["model"])
        for optimizer, stored, rate in zip(self.optimizers, state["optimizers"], self._rates, strict=True):
            optimizer.load_state_dict(stored)
            optimizer.param_groups[0]["lr"] = rate
        for mean, stored in zip(self.mean, state["mean"], strict=True):
            mean.copy_(stored)
        self.data.state = state["data"][rank()]
        self.taken, self.seconds, loss = state["numbers"]
        self._loss.fill_(loss)
        self.rows, self.rates = state["rows"], state["rates"]
        # The optimizers have new tensors, which a recorded update does not know.
        self._graph, self._eager = None, EAGER


def rank() -> int:
    """The number of this process among those that train together, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def gathered(value: Any) -> list[Any]:
    """The value of every process, in the order of their numbers."""
    if not distributed.is_initialized():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def _kinds(model: LearnedUpscaler) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights of the inner convolutions, which Muon updates, and everything else."""
    modules = (model.body, model.tail)
    inner = [p for module in modules for p in module.parameters() if p.ndim >= 2]
    known = {id(p) for p in inner}
    return inner, [p for p in model.parameters() if id(p) not in known]
