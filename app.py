"""Opens the app: `python app.py`, or a Hugging Face Space. The guard: worker processes import this file again."""

if __name__ == "__main__":
    import sys

    from ui.command import run_app

    sys.exit(run_app())
