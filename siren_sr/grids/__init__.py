"""Where samples lie, and moving between grids.

Coordinates in [-1, 1], windows of an axis, and resizing as explicit, banded matrices.
"""
