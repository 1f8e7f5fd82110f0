"""A local page on which super resolution, Poisson problems, sounds and saved fits are tried (``siren-sr demo``).

Gradio is an extra: ``pip install "siren-sr[demo]"``. Only the modules in `siren_sr.demo.tabs` import it.
"""

from .limits import Limits
from .server import Server

__all__ = ["Limits", "Server"]
