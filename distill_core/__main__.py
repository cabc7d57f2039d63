"""`python -m distill_core`, the console command `stillroom` without `app`."""

import sys

from distill_core.cli import run_command

if __name__ == "__main__":
    sys.exit(run_command())
