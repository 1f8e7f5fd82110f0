"""Sine networks: one, or many small ones as the tiles of a signal.

Layers, the fused passes that evaluate them fast, and a look at what their units do.
"""

from siren_sr.network.activity import LayerActivity, capture
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import SirenBatch, TiledSiren

__all__ = ["LayerActivity", "Siren", "SirenBatch", "TiledSiren", "capture"]
