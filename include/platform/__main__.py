"""Entry point of the platform commands."""

import sys

from include.platform.cli import main

sys.exit(main())
