"""Command line: the facade's actions as commands, every knob of the config as an option.

Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 our bug, 2 the user's input, 130 stopped.
"""

import os
import sys
import traceback
from collections.abc import Sequence

from distill_core.cli.exit_codes import BUG, DONE, INPUT, STOPPED
from distill_core.cli.parser import AddCommands, parse
from distill_core.errors import Stopped, UserError

# The libraries' log lines while they load are noise beside a result.
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DATASETS_VERBOSITY": "error", "HF_HUB_VERBOSITY": "error"}


def run_command(arguments: Sequence[str] | None = None, more: AddCommands | None = None) -> int:
    """Runs one command of the command line.

    Args:
        arguments: the command and its options; None for those of the process.
        more: adds the commands of another package to the core's.

    Returns:
        The exit code: 0 done, 1 our bug, 2 the user's input, 130 stopped.

    >>> core.run_command(["predict", "--wrong"])
    2
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks a letter must not end a run
    try:
        parsed = parse(arguments, more)
    except SystemExit as error:  # argparse has printed the error, or the help
        return int(error.code or 0)
    try:
        return int(parsed.action(parsed) or DONE)
    except UserError as error:
        print(error, file=sys.stderr)
        return INPUT
    except (Stopped, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader, such as `| head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        traceback.print_exc()
        print(f"Stillroom made a mistake ({type(error).__name__}: {error}). Please report it.", file=sys.stderr)
        return BUG
