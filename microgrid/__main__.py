"""``python -m microgrid`` runs the command."""

import sys

from microgrid.cli import main

sys.exit(main())
