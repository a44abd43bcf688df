"""Entry point of the stack's commands."""

import sys

from include.platform.stack.cli import main

sys.exit(main())
