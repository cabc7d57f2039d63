"""Device of the tensors, and the precision in which a teacher may compute on it.

Knows nothing of models. The choice depends on the hardware alone, never on a stopwatch: a resumed run must not compute
in another precision than the run it resumes.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch


@cache
def device() -> str:
    """Device by torch's name: "cuda", "mps" or "cpu". STILLROOM_DEVICE overrules the detection."""
    if chosen := os.environ.get("STILLROOM_DEVICE"):
        return str(torch.device(chosen))
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@cache
def fast_dtype(where: str) -> torch.dtype:
    """Lower precision in which the device `where` multiplies matrices faster; float32 where there is none.

    A CPU without bfloat16 instructions emulates them, several times slower than float32, hence the look at its flags.
    The caller has to check whether the answers stay the same."""
    kind = torch.device(where).type
    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if kind == "mps":
        return torch.float16
    flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if flags.get("avx512_bf16") or flags.get("amx_bf16") else torch.float32


def autocast(where: str, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Context in which matrix products on the device `where` run in `dtype`; float32 changes nothing."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(torch.device(where).type, dtype=dtype)
