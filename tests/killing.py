"""A program that runs tasks in processes that are killed again and again: python killing.py TASK KILLS SEED FOLDER.

It prints the hashes of what an undisturbed run and the killed and resumed run found, and how often the latter was
killed. All processes are forks of this one, which does no work itself: so PyTorch is loaded only once.
"""

import functools
import hashlib
import json
import os
import pathlib
import random
import signal
import sys
import warnings

import torch

from siren_sr import derivatives, fit_signal, solve_poisson, super_resolve
from siren_sr.fitting import TileRecipe
from siren_sr.superres.learned import photographs
from siren_sr.superres.picture.quality import QUALITIES, Effort
from siren_sr.training import optimizers


def picture(height, width):
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([torch.sin(9 * x + 4 * y) * 0.4 + 0.5, x * y, (x + y > 1).float() * 0.6 + 0.2])


def two_groups(parameters):
    first, *rest = parameters
    return torch.optim.AdamW([{"params": [first], "lr": 1e-3}, {"params": rest, "weight_decay": 0.1}], lr=2e-3)


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[1e-2, 2e-2], total_steps=30)


def growing(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.4**step)


IMAGE, ONE = picture(12, 14), functools.partial(fit_signal, picture(12, 14), hidden_features=16)
SMALL = {"hidden_features": 16, "return_fit": True}
TASKS = {
    "batches": lambda **o: ONE(steps=30, batch=40, optimizer=optimizers.adam(1e-3, fused=True), **o),
    "fast": lambda **o: ONE(steps=25, **o),
    "soap": lambda **o: ONE(steps=30, objective="mse_fft", **o),
    "plateau": lambda **o: ONE(steps=40, recipe="paper", scheduler=optimizers.reduce_on_plateau(patience=1), **o),
    "lbfgs": lambda **o: ONE(steps=15, optimizer=functools.partial(torch.optim.LBFGS, max_iter=4, history_size=5), **o),
    "groups": lambda **o: ONE(steps=30, optimizer=two_groups, scheduler=one_cycle, **o),
    "diverging": lambda **o: ONE(steps=40, optimizer=optimizers.adam(1e-3), scheduler=growing, **o),
    "tiles": lambda **o: fit_signal(
        picture(30, 33), tiles=TileRecipe(tile=6, margin=1, hidden_features=8, steps=5, batch=30), **o
    ),
    "solved tiles": lambda **o: fit_signal(picture(50, 53), tiles=TileRecipe(tile=6, hidden_features=8, steps=0), **o),
    "images": lambda **o: fit_signal(torch.stack([IMAGE, IMAGE.flip(1)]), hidden_features=16, steps=12, **o),
    "gradient": lambda **o: solve_poisson(
        gradient=derivatives.image_gradient(IMAGE),
        mean=0.4,
        steps=25,
        generator=torch.Generator().manual_seed(5),
        **SMALL,
        **o,
    ),
    "analytical": lambda **o: solve_poisson(
        gradient=derivatives.image_gradient(picture(40, 40)), method="analytical", steps=12, **SMALL, **o
    ),
    "trick2": lambda **o: super_resolve(IMAGE, 2, strategy="trick2", steps=45, return_fit=True, **o),
    "search": lambda **o: super_resolve(
        IMAGE, 2, prior=None, steps=3, return_fit=True, generator=torch.Generator().manual_seed(5), **o
    ),
    "drawn": lambda **o: super_resolve(IMAGE, 3.5, prior=None, quality="best", **o),
    "photographs": lambda **o: super_resolve(picture(36, 36), 3.5, quality="best", **o),
}


def less_work():
    """The same kinds of work, less of each."""
    torch.set_num_threads(1)
    rounds = (("plain", 4), ("steered", 3), ("few scales", 2))
    QUALITIES["standard"] = Effort(rounds, prior_updates=0, tile_steps=2, correction_updates=12, versions=2)
    QUALITIES["best"] = Effort(rounds, prior_updates=10, tile_steps=2, correction_updates=8, versions=2)
    photographs.EFFORTS["best"] = photographs.Effort(2, updates=6)


def told(result):
    """A hash of what a task returned, but for times."""
    sha = hashlib.sha256()
    for fit in result if isinstance(result, list) else [result]:
        if torch.is_tensor(fit):
            sha.update(fit.numpy().tobytes())
            continue
        for tensor in fit.model.state_dict().values():
            sha.update(tensor.numpy().tobytes())
        history = [(e.step, e.loss, e.psnr, e.lr, e.stage, e.went_back) for e in fit.history]
        sha.update(repr((history, fit.psnr, fit.stopped)).encode())
        sha.update(fit.reconstruction.numpy().tobytes())
    return sha.hexdigest()


class Killer:
    """A callback that kills its process after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def __call__(self, progress):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def fail(progress):
    """A callback that must not be called."""
    raise AssertionError(f"step {progress.entry.step} was made again")


def life(task, result, *, seconds=0.0, **options):
    """Run a task in a process of its own, for at most so many seconds; returns how that ended."""
    child = os.fork()
    if child == 0:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)  # its signal kills, wherever the work is then
            result.write_text(told(TASKS[task](**options)))
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(task, kills, seed, folder):
    warnings.simplefilter("ignore")
    less_work()
    folder, chances = pathlib.Path(folder), random.Random(int(seed))
    names = ("whole", "resumed", "again")
    whole, resumed, again = (folder / name for name in names)
    checkpoint = {"checkpoint": folder / "reached.safetensors"}
    assert life(task, whole) == 0
    count = 0
    for _ in range(int(kills)):
        chance = {"callback": Killer(chances.randint(2, 9)), "every": chances.choice([0, 0, 0.03])}
        if chances.random() < 0.4:
            chance = {"seconds": chances.uniform(0.02, 0.4), "every": 0}
        ended = life(task, resumed, **checkpoint, **chance)
        if ended == 0:
            break
        assert ended in (-signal.SIGKILL, -signal.SIGALRM), ended
        count += 1
    assert life(task, resumed, **checkpoint) == 0
    assert life(task, again, **checkpoint, callback=fail) == 0
    print(json.dumps({"kills": count, **{name: (folder / name).read_text() for name in names}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
