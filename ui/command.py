"""Command that opens the page: `stillroom app` of an installed package, `python app.py` of a checkout, a Space.

Imports nothing heavy: worker processes import a main module again and must not pay for the page.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from distill_core import AUDIENCES, LOOPBACK, AddCommand, run_command

HELP = "Open Stillroom's page."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command `stillroom`, which has `app` beside the core's commands. Returns the exit code."""
    return run_command(arguments, _add_app)


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Opens the page by the options alone, as `python app.py` does. Returns the exit code; ends the program as argparse
    does where the options can't be parsed."""
    return open_page(_with_options(argparse.ArgumentParser(prog="app.py", description=HELP)).parse_args(arguments))


def open_page(options: argparse.Namespace) -> int:
    """Opens the store and the queue, and serves the page until Ctrl-C. Returns the exit code: 2, with one sentence on
    stderr, where the home can't be used or an option asks for what is not there."""
    audience = options.audience
    if audience not in (None, "", *AUDIENCES):  # of the variable, which argparse does not check
        return _refuse(f"STILLROOM_AUDIENCE is {audience!r}. It must be one of {', '.join(AUDIENCES)}.")
    if options.language:
        os.environ["STILLROOM_LANGUAGE"] = options.language  # read where the words are
    if options.mcp and find_spec("mcp") is None:
        return _refuse("--mcp needs the package mcp. Install it with: pip install 'mcp>=1.21,<2'")
    # the workers ask for the audience too
    os.environ["STILLROOM_AUDIENCE"] = audience or (
        "space" if os.environ.get("SPACE_ID") else "local" if options.host in LOOPBACK else "room"
    )
    from distill_core import UserError, open_app

    try:
        open_app()  # first: the workers warm up on another core while the page's libraries load
    except UserError as error:  # such as a list of runs of a newer version
        return _refuse(str(error))
    from .server import serve

    serve(options.host, options.port, options.open, options.mcp, options.allow_host)
    return 0


def _add_app(add: AddCommand) -> None:
    _with_options(add("app", open_page, HELP))


def _with_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    port = os.environ.get("GRADIO_SERVER_PORT")
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    parser.add_argument("--host", default=host, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=int(port) if port else None, help="default: 7860, or the next free one"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--language", default=os.environ.get("STILLROOM_LANGUAGE"), help="of the page at / (en, de, …)")
    parser.add_argument(
        "--audience", choices=AUDIENCES, default=os.environ.get("STILLROOM_AUDIENCE"),
        help="who uses it: local (you), room (others on your network), space (strangers). Default: room where it "
        "listens on more than this machine, space on a Hugging Face Space, else local. See SECURITY.md",
    )  # fmt: skip
    parser.add_argument(
        "--allow-host", action="append", metavar="NAME",
        default=[name.strip() for name in os.environ.get("STILLROOM_ALLOWED_HOSTS", "").split(",") if name.strip()],
        help="a name by which others reach it, such as stillroom.example.org or *.example.org (may be repeated)",
    )  # fmt: skip
    mcp = os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"
    parser.add_argument(
        "--mcp", action="store_true", default=mcp, help="serve the page's actions as MCP tools too (pip install mcp)"
    )
    return parser


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2
