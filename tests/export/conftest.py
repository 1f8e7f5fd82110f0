"""Fits of every kind, made once: one network, tiles, a base, edges that wrap, sounds and volumes."""

import math

import numpy as np
import pytest
import torch
from problems import SMALL, eight_bit, picture

from siren_sr import fit_signal, super_resolve
from siren_sr.fitting import TileRecipe

TILES = TileRecipe(tile=8, margin=2, hidden_features=16, hidden_layers=1, steps=2)


def _sound(seconds):
    t = torch.arange(int(8000 * seconds)) / 8000
    return 0.4 * torch.sin(2 * math.pi * 440 * t)[None]


def _stereo():
    return (torch.cat([_sound(0.05), -0.5 * _sound(0.05)]).T.numpy() * 2**15).astype(np.int16)


KINDS = {
    "image": lambda: fit_signal(eight_bit(picture(10, 13)), steps=20, **SMALL),
    "corners": lambda: fit_signal(picture(10, 13), steps=5, hidden_features=16, align_corners=True),
    "tiles": lambda: fit_signal(eight_bit(picture(21, 30)), tiles=TILES),
    "one tile": lambda: fit_signal(picture(6, 40), tiles=TILES),
    "wrapping": lambda: fit_signal(picture(10, 13), steps=5, boundary="wrap", **SMALL),
    "wrapping tiles": lambda: fit_signal(picture(21, 30), tiles=TILES, boundary=["mirror", "wrap"]),
    "base": lambda: super_resolve(eight_bit(picture(9, 12)), 2, quality="fast", steps=1, return_fit=True),
    "wrapping base": lambda: super_resolve(
        picture(9, 12), 2, quality="fast", steps=1, boundary="wrap", return_fit=True
    ),
    "relu": lambda: fit_signal(picture(10, 13), activation="relu", steps=5, **SMALL),
    "sound": lambda: fit_signal(_sound(0.05), sample_rate=8000, steps=5, **SMALL),
    "tiled sound": lambda: fit_signal(_stereo(), sample_rate=8000, tiles=TileRecipe(tile=90, margin=8, steps=1)),
    "volume": lambda: fit_signal(torch.stack([picture(9, 11)[0]] * 7)[None], dims=3, tiles=TILES),
    "double": lambda: fit_signal(picture(8, 9).double(), steps=5, **SMALL),
    "constant": lambda: fit_signal(torch.full((1, 5, 6), 0.25), steps=1, **SMALL),
}


@pytest.fixture(scope="session")
def fit_of():
    """A function from the name of a kind to its fit."""
    made = {}

    def find(name):
        if name not in made:
            made[name] = KINDS[name]()
        return made[name]

    return find


@pytest.fixture(params=KINDS)
def fit(request, fit_of):
    return fit_of(request.param)
