"""Our model and the reference in turns; a failure here never costs our own figures."""

from __future__ import annotations

from benchmarks.peers.published import VIT_L16, Comparison, build_reference, compare, why_no_reference
from benchmarks.report.summary import without_folders
from benchmarks.run.frames import BenchFrames
from benchmarks.run.latency import Assess
from edge import EdgeError
from edge.progress import progress

_BLOCKS = 10  # turns of ours and the reference
STOPPED = "Interrupted while the reference was timed."


def compare_with_reference(
    assess: Assess, chosen: BenchFrames, threads: int
) -> tuple[Comparison | None, tuple[str, ...]]:
    """The comparison, None where there is none, and notes: the reason, or that it was ``STOPPED``."""
    reason = why_no_reference()
    if reason is not None:
        return None, (reason,)
    try:
        with progress("building the reference"):
            theirs = build_reference(VIT_L16, threads)
        with progress("ours and the reference in turns", _BLOCKS) as tick:
            compared = compare(VIT_L16.name, assess, theirs, chosen.images, _BLOCKS, tick)
    except KeyboardInterrupt:
        return None, (STOPPED,)
    except EdgeError as error:
        return None, (f"Ours failed beside the reference, which was left out: {without_folders(str(error))}",)
    except (ImportError, OSError, RuntimeError, MemoryError) as error:
        lines = str(error).strip().splitlines() or ["no message"]
        return None, (f"The reference failed and was left out ({type(error).__name__}: {lines[0]}).",)
    return compared, (STOPPED,) if compared.interrupted else ()
