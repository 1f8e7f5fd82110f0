"""``python -m siren_sr.cli`` is the command ``siren-sr``."""

import sys

from siren_sr.cli import main

if __name__ == "__main__":
    sys.exit(main())
