"""Who the app takes its users for: the more careful way where it is in doubt."""

import subprocess
import sys
from pathlib import Path

import pytest

from distill_core import environment


@pytest.mark.parametrize(
    ("named", "space", "audience"),
    [("", "", "local"), ("", "owner/space", "space"), ("local", "owner/space", "local"), ("room", "", "room"),
     ("space", "", "space"), ("Room", "", "space"), ("nobody", "", "space")],
)  # fmt: skip
def test_the_audience_is_named_or_known_by_the_host(
    named: str, space: str, audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLROOM_AUDIENCE", named)
    monkeypatch.setenv("SPACE_ID", space)
    assert environment.audience() == audience
    assert environment.public_host() == (audience != "local")


def test_an_audience_that_is_none_is_refused_before_the_app_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_AUDIENCE", "Room")
    app = Path(__file__).parent.parent / "app.py"
    done = subprocess.run([sys.executable, str(app)], capture_output=True, text=True, timeout=60, cwd=app.parent)
    assert done.returncode == 2 and "It must be one of local, room, space." in done.stderr
