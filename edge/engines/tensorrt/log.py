"""TensorRT's log, for our own messages instead of the console."""

from __future__ import annotations

import weakref
from typing import Any


class Log:
    """What TensorRT logs from now on.

    Args:
        lines: receives warnings and notes too, one line each.
    """

    def __init__(self, lines: list[str] | None = None) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.lines = lines
        _listening.add(self)

    def first(self) -> str:
        """The first error since the start, as later ones mostly follow from it; without any, the last warning."""
        return (self.errors[:1] or self.warnings[-1:] or [""])[0][:300]


_listening: weakref.WeakSet[Log] = weakref.WeakSet()


_loggers: dict[type, Any] = {}


def logger_of(trt: Any) -> Any:
    """The one logger of a process, which writes to every ``Log``.

    TensorRT keeps a pointer to the first logger that it gets and uses it for everything later: another one would get
    nothing, and the first must never be freed.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
    """
    if trt.ILogger not in _loggers:
        _loggers[trt.ILogger] = _new_logger(trt)
    return _loggers[trt.ILogger]


def _new_logger(trt: Any) -> Any:
    severity_of = trt.ILogger.Severity

    class Logger(trt.ILogger):  # type: ignore[misc]
        def log(self, severity: Any, message: str) -> None:
            line = " ".join(message.split())
            for each in list(_listening):
                if severity in (severity_of.ERROR, severity_of.INTERNAL_ERROR):
                    each.errors.append(line)
                elif severity in (severity_of.WARNING, severity_of.INFO):
                    warned = severity == severity_of.WARNING
                    if warned:
                        each.warnings.append(line)
                    if each.lines is not None:
                        each.lines.append(f"warning: {line}" if warned else line)

    return Logger()
