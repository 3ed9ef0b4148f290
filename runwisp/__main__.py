"""``python -m runwisp`` is ``runwisp``."""

import sys

from runwisp.cli.main import main

sys.exit(main())
