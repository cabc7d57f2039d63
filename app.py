"""Opens the app: `python app.py`, or a Hugging Face Space.

Everything stands under the last line's guard: worker processes import this file again and must not pay for the page.
"""

import argparse
import os


def main() -> None:
    """Reads the options, opens the store and the queue, and serves the page until Ctrl-C."""
    port = os.environ.get("GRADIO_SERVER_PORT")
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    options = argparse.ArgumentParser(prog="app.py", description="Open Stillroom's page.")
    options.add_argument("--host", default=host, help="address to listen on (default: %(default)s)")
    options.add_argument(
        "--port", type=int, default=int(port) if port else None, help="default: 7860, or the next free one"
    )
    options.add_argument("--open", action="store_true", help="open the page in the browser")
    chosen = options.parse_args()
    from ui.serve import serve

    serve(chosen.host, chosen.port, chosen.open)


if __name__ == "__main__":
    main()
