"""`python -m distill_core`, the same as the console command `stillroom`."""

import sys

from distill_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
