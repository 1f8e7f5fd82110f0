"""One training loop for every task, blind to what the signal is.

What a loss sees of a network, ready-made losses, optimizers, recipes, the loop itself, and progress.
"""

from siren_sr.training.best import DivergenceWarning
from siren_sr.training.checkpoint import CheckpointWarning
from siren_sr.training.loop import Stage, final_score, train
from siren_sr.training.progress import Callback, Entry, Progress

__all__ = ["Callback", "CheckpointWarning", "DivergenceWarning", "Entry", "Progress", "Stage", "final_score", "train"]
