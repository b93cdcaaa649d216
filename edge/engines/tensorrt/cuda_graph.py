"""A step on the GPU, recorded once and replayed with one call: a CUDA graph. pycuda has none, so this uses libcuda.

Recording only saves time: where it does not work, the step runs call by call.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from typing import Any

_THREAD_LOCAL = 1  # calls of other threads do not disturb the recording
_Handle = ctypes.c_void_p
log = logging.getLogger(__name__)


class CudaGraph:
    """A recorded step; the GPU's context must be current for every use."""

    def __init__(self, library: Any, graph: Any, executable: Any) -> None:
        self._library, self._graph, self._executable = library, graph, executable

    def launch(self, stream: int) -> bool:
        """Start the step on a stream (its handle); False where CUDA refuses."""
        return bool(self._library.cuGraphLaunch(self._executable, _Handle(stream)) == 0)

    def close(self) -> None:
        """Free it; may be called twice."""
        if self._library is not None:
            self._library.cuGraphExecDestroy(self._executable)
            self._library.cuGraphDestroy(self._graph)
        self._library = None


def record(stream: int, enqueue: Callable[[], bool], library: Any = None) -> CudaGraph | None:
    """Record what ``enqueue`` puts on a stream; it must have run there once before.

    Args:
        stream: handle of a stream of the current context, with nothing on it.
        enqueue: copies and launches, nothing that waits; False where it failed.
        library: libcuda; loaded where it is None.

    Returns:
        None where it cannot be recorded.
    """
    try:
        library = library or ctypes.CDLL("libcuda.so.1")
        begin, end = library.cuStreamBeginCapture_v2, library.cuStreamEndCapture
        instantiate = library.cuGraphInstantiateWithFlags
        kept = library.cuGraphLaunch, library.cuGraphExecDestroy, library.cuGraphDestroy
    except (OSError, AttributeError) as error:  # CUDA before 11.4
        log.debug("no CUDA graph: %s", error)
        return None
    for function in (begin, end, instantiate, *kept):
        function.restype = ctypes.c_int
    if begin(_Handle(stream), _THREAD_LOCAL) != 0:
        log.debug("no CUDA graph: recording does not start")
        return None
    graph, executable, whole = _Handle(), _Handle(), False
    try:
        whole = enqueue()
    except Exception as error:  # pycuda is not imported here
        log.debug("no CUDA graph: %s", error)
    finally:  # a stream that keeps recording can do nothing else
        ended = end(_Handle(stream), ctypes.byref(graph))
    if ended != 0 or not whole or not graph:
        if ended == 0 and graph:
            library.cuGraphDestroy(graph)
        log.debug("no CUDA graph: the step cannot be recorded (error %d)", ended)
        return None
    if instantiate(ctypes.byref(executable), graph, ctypes.c_ulonglong(0)) != 0:
        library.cuGraphDestroy(graph)
        log.debug("no CUDA graph: it cannot be instantiated")
        return None
    return CudaGraph(library, graph, executable)
