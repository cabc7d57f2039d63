"""Opens the app: `python app.py`, or a Hugging Face Space.

Everything stands under the last line's guard: worker processes import this file again and must not pay for the page.
"""

import argparse
import os
from importlib.util import find_spec


def main() -> None:
    """Reads the options, opens the store and the queue, and serves the page until Ctrl-C."""
    from distill_core import AUDIENCES, LOOPBACK

    port = os.environ.get("GRADIO_SERVER_PORT")
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    options = argparse.ArgumentParser(prog="app.py", description="Open Stillroom's page.")
    options.add_argument("--host", default=host, help="address to listen on (default: %(default)s)")
    options.add_argument(
        "--port", type=int, default=int(port) if port else None, help="default: 7860, or the next free one"
    )
    options.add_argument("--open", action="store_true", help="open the page in the browser")
    options.add_argument(
        "--language", default=os.environ.get("STILLROOM_LANGUAGE"), help="of the page at / (en, de, …)"
    )
    options.add_argument(
        "--audience", choices=AUDIENCES, default=os.environ.get("STILLROOM_AUDIENCE"),
        help="who uses it: local (you), room (others on your network), space (strangers). Default: room where it "
        "listens on more than this machine, space on a Hugging Face Space, else local. See SECURITY.md",
    )  # fmt: skip
    options.add_argument(
        "--allow-host", action="append", metavar="NAME",
        default=[name.strip() for name in os.environ.get("STILLROOM_ALLOWED_HOSTS", "").split(",") if name.strip()],
        help="a name by which others reach it, such as stillroom.example.org or *.example.org (may be repeated)",
    )  # fmt: skip
    mcp = os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"
    options.add_argument(
        "--mcp", action="store_true", default=mcp, help="serve the page's actions as MCP tools too (pip install mcp)"
    )
    chosen = options.parse_args()
    if chosen.audience not in (None, "", *AUDIENCES):  # of the variable, which argparse does not check
        options.error(f"STILLROOM_AUDIENCE is {chosen.audience!r}. It must be one of {', '.join(AUDIENCES)}.")
    if chosen.language:
        os.environ["STILLROOM_LANGUAGE"] = chosen.language  # read where the words are
    if chosen.mcp and find_spec("mcp") is None:
        options.error("--mcp needs the package mcp. Install it with: pip install 'mcp>=1.21,<2'")
    audience = chosen.audience or (
        "space" if os.environ.get("SPACE_ID") else "local" if chosen.host in LOOPBACK else "room"
    )
    os.environ["STILLROOM_AUDIENCE"] = audience  # the workers ask for it too
    from distill_core import UserError, open_app

    try:
        open_app()  # first: the workers warm up on another core while the page's libraries load
    except UserError as error:  # such as a list of runs of a newer version
        options.exit(2, f"{error}\n")
    from ui.server import serve

    serve(chosen.host, chosen.port, chosen.open, chosen.mcp, chosen.allow_host)


if __name__ == "__main__":
    main()
