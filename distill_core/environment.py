"""The machine and its environment: public or not, the data folder, memory, and the variables that libraries read."""

import os
import platform
import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

AUDIENCES = ("local", "room", "space")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOST = re.compile(r"(?:(?P<name>[\w.-]+)|\[(?P<numbers>[0-9a-f:.]+)\])(?::\d+)?", re.ASCII)
STALE_SECONDS = 24 * 3600  # after which a half-filled folder can't belong to a live process


def audience() -> str:
    """Who uses the app: `local`, whoever sits at this machine; `room`, the people of one network, such as a workshop;
    `space`, strangers. STILLROOM_AUDIENCE names it (`app.py` sets it by the address that it listens on); without it a
    Hugging Face Space is known by its SPACE_ID. A name that is none of these is taken for the most careful one.

    Example:
        >>> core.audience()
        'local'
    """
    named = os.environ.get("STILLROOM_AUDIENCE", "")
    return named if named in AUDIENCES else "space" if named or os.environ.get("SPACE_ID") else "local"


def public_host() -> bool:
    """True on a public host, where others than the owner of the machine use the app (a room, a space): no input counts
    as a path of the machine, pickles are refused, and a run is shown only to those who have its id."""
    return audience() != "local"


def host_name(host: str) -> str:
    """The name in a Host header, in small letters and without its port or brackets; "" where it is none.

    Example:
        >>> core.host_name("[::1]:8000"), core.host_name("LocalHost"), core.host_name("a/b")
        ('::1', 'localhost', '')
    """
    found = HOST.fullmatch(host.lower())
    return found["name"] or found["numbers"] if found else ""


def host_limit(variable: str, local: int, public: int) -> int:
    """A limit on what comes in, by who uses the app.

    Args:
        variable: The environment's variable that may hold another whole number.
        local: The limit on one's own machine.
        public: The limit on a public host.

    Example:
        >>> core.host_limit("STILLROOM_MAX_ROWS", local=1_000_000, public=5_000)
        1000000
    """
    chosen = os.environ.get(variable, "")
    return int(chosen) if chosen.isascii() and chosen.isdecimal() else public if public_host() else local


def sweep_stale(root: Path, pattern: str) -> None:
    """Sweep away those folders that nobody has changed for so long that whoever made them is dead."""
    for folder in root.glob(pattern):
        with suppress(OSError):  # another process sweeps too
            if folder.is_dir() and time.time() - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def local_path(name: str) -> Path | None:
    """The file or folder of that name on this machine; None where there is none, and on a public host."""
    with suppress(OSError, RuntimeError, ValueError):  # a name that no file can have
        path = Path(name).expanduser()
        return path if not public_host() and path.exists() else None
    return None


PACKAGES = ("stillroom", "torch", "transformers", "tokenizers", "datasets", "scikit-learn", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a run's figures depend on, as far as they are installed."""
    from importlib.metadata import PackageNotFoundError, version  # a quarter of what our own import takes

    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def peak_memory() -> int | None:
    """The peak memory of this process in bytes, None where the system doesn't report it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory_limit() -> int | None:
    """The most memory in bytes that this process can have, swap included; None where the system doesn't say."""
    limits = []
    with suppress(OSError, ValueError, AttributeError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _swap())
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):  # of a container
        with suppress(OSError, ValueError):  # "max" is no number
            limits.append(int(Path(file).read_text(encoding="ascii")))
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits += [soft] if soft != resource.RLIM_INFINITY else []
    return min(limits, default=None)


def _swap() -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("SwapTotal:")).split()[1])
    return 0


DEFAULTS = {
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",  # else a visitor who types an id reads the owner's private repositories
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # else every load_dataset calls another host
    "HF_HUB_ETAG_TIMEOUT": "4",
    "HF_HUB_DOWNLOAD_TIMEOUT": "10",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # else a background thread writes to a conversion bot
    "GRADIO_ANALYTICS_ENABLED": "False",
}


def set_library_defaults() -> None:
    """Set the variables that the Hub's libraries read on import, except those that the person has set. Call it
    first."""
    for name, default in DEFAULTS.items():
        os.environ.setdefault(name, default)


def home() -> Path:
    """The folder of runs: STILLROOM_HOME, or the user's data folder on this platform. Never the working directory."""
    if chosen := os.environ.get("STILLROOM_HOME"):
        return Path(chosen).expanduser().absolute()
    # By hand, as platformdirs heeds XDG_DATA_HOME on macOS too and passes over LOCALAPPDATA: some homes would move.
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Stillroom"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Stillroom"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "stillroom"
