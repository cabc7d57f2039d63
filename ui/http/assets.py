"""Assets that the page loads beside Gradio's own."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import brotli
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route


async def library(request: Request) -> Response:
    """The library plotly.min.js out of the plotly package."""
    package = find_spec("plotly")
    file = Path(package.origin).parent / "package_data" / "plotly.min.js" if package and package.origin else Path()
    if not file.is_file():
        return Response(status_code=404)
    headers = {"cache-control": "public, max-age=86400", "vary": "accept-encoding"}
    if "br" not in request.headers.get("accept-encoding", ""):
        return FileResponse(file, media_type="text/javascript", headers=headers)
    packed = await run_in_threadpool(_packed, file)
    return Response(packed, media_type="text/javascript", headers=headers | {"content-encoding": "br"})


@lru_cache
def _packed(file: Path) -> bytes:
    """The file compressed, once for all visitors: five megabytes take Gradio a fifth of a second for each."""
    return brotli.compress(file.read_bytes(), quality=5)


LIBRARY = Route("/assets/plotly.min.js", library)
