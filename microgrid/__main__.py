"""``python -m microgrid`` runs the command."""

import sys

from microgrid.cli.main import main

sys.exit(main())
