"""What the user holds, as a (C, *grid) tensor in [-1, 1]: read once on the way in, given back once on the way out.

`as_signal` reads; the `Origin` that it notes down knows the way back.
"""

from siren_sr.signals.batches import is_batch, members, stacked
from siren_sr.signals.hidden_colours import fill_hidden
from siren_sr.signals.holes import with_holes, without_holes
from siren_sr.signals.origin import Assembly, Origin, from_unit, to_unit
from siren_sr.signals.signal import Signal, as_signal, check_tensor, is_path, native

__all__ = [
    "Assembly",
    "Origin",
    "Signal",
    "as_signal",
    "check_tensor",
    "fill_hidden",
    "from_unit",
    "is_batch",
    "is_path",
    "members",
    "native",
    "stacked",
    "to_unit",
    "with_holes",
    "without_holes",
]
