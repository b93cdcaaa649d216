"""The structures and functions of ``efiqa_edge.h``, as ctypes sees them."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_double, c_float, c_int32, c_int64, c_uint64, c_void_p

ABI_VERSION = 4
FIELD_MASK = 256  # side of the mask of a field
OUT_OF_MEMORY = 8
CAUSES = 7
CAUSE_WEIGHTS = 36_934


class Frame(Structure):
    """``efiqa_frame``."""

    _fields_ = (
        ("format", c_int32),
        ("matrix", c_int32),
        ("range", c_int32),
        ("width", c_int32),
        ("height", c_int32),
        ("plane", c_void_p * 2),
        ("stride", c_int64 * 2),
        ("size", c_uint64 * 2),
    )


class Crop(Structure):
    """``efiqa_crop``."""

    _fields_ = (("x", c_int64), ("y", c_int64), ("side", c_int64))


class Field(Structure):
    """``efiqa_field``."""

    _fields_ = (("blank", c_int32), ("found", c_int32), ("aside", c_int32), ("crop", Crop))


class Tensor(Structure):
    """``efiqa_tensor``."""

    _fields_ = (
        ("data", c_void_p),
        ("size", c_uint64),
        ("type", c_int32),
        ("side", c_int32),
        ("mean", c_float * 3),
        ("std", c_float * 3),
        ("scale", c_float),
        ("zero_point", c_int32),
    )


class Light(Structure):
    """``efiqa_light``."""

    _fields_ = (
        ("grid", c_int32),
        ("size", c_uint64),
        ("blue", c_void_p),
        ("green", c_void_p),
        ("red", c_void_p),
        ("clipped", c_void_p),
        ("detail", c_void_p),
        ("grain", c_void_p),
        ("picture", c_void_p),
        ("picture_size", c_uint64),
    )


class Pooling(Structure):
    """``efiqa_pooling``."""

    _fields_ = (("disc", c_double), ("macula", c_double), ("periphery", c_double))


class Evidence(Structure):
    """``efiqa_evidence``."""

    _fields_ = (
        ("lost", c_double),
        ("main", c_double * CAUSES),
        ("present", c_double * CAUSES),
        ("share", c_double * CAUSES),
        ("x", c_double * CAUSES),
        ("y", c_double * CAUSES),
        ("red", c_double),
        ("blue", c_double),
        ("detail", c_double),
        ("focus", c_double),
        ("flooded", c_int32),
    )


def declare(library: ctypes.CDLL) -> None:
    """Tell ctypes what each function takes and gives."""
    grid = (c_void_p, c_uint64)
    library.efiqa_version.restype = ctypes.c_char_p
    library.efiqa_version.argtypes = ()
    library.efiqa_sentence.restype = ctypes.c_char_p
    library.efiqa_sentence.argtypes = (c_int32,)
    library.efiqa_frame_step.argtypes = (POINTER(Frame), POINTER(Crop), POINTER(Tensor), POINTER(Light))
    library.efiqa_bgr.argtypes = (POINTER(Frame), *grid, c_int64)
    field = (POINTER(Field), *grid)
    library.efiqa_find_field.argtypes = (POINTER(Frame), *field)
    library.efiqa_circle_field.argtypes = (c_double, c_double, c_double, c_int32, c_int32, *field)
    library.efiqa_score.argtypes = (*grid, c_int32, c_int32, *grid, POINTER(Pooling), POINTER(c_double))
    library.efiqa_blend.argtypes = (*grid, *grid, c_int32, POINTER(Crop), *grid, c_int32, c_int32, c_int64)
    maps = (c_void_p, c_void_p, c_void_p, c_uint64, *grid)
    library.efiqa_causes.argtypes = (*maps, POINTER(Light), *grid, POINTER(Evidence))
    library.efiqa_lost_to_light.argtypes = (POINTER(Light), *grid, *grid)
