"""The first lines of a script that uses only the room of files, without waiting for PyTorch."""

from siren_sr import io

IO_ALONE = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("io_alone", {io.__file__!r})
io = importlib.util.module_from_spec(spec)
sys.modules["io_alone"] = io
spec.loader.exec_module(io)
"""
