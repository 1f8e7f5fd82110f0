"""What the user holds, as a (C, *grid) tensor in [-1, 1]: read once on the way in, given back once on the way out.

`as_signal` reads; the `Origin` that it notes down knows the way back.
"""

from siren_sr.signals.origin import Kind
from siren_sr.signals.signal import Signal, as_signal, check_device, is_batch, is_path, native

__all__ = ["Kind", "Signal", "as_signal", "check_device", "is_batch", "is_path", "native"]
