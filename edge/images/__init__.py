"""Image files of any kind, as upright 8-bit BGR frames; and which files a list of paths means.

A file is decoded by Pillow in a separate process, which is killed when it takes too long or too much memory: the
decoders are C code, block the interpreter, and get any bytes that a file has. ``reader`` is our side of that process,
``worker`` the other; the modules that ``worker`` loads (``decode`` and below) are never loaded here.
"""

from edge.images.decoder_process import Picture
from edge.images.find import (
    SUFFIXES,
    PassedOver,
    find_images,
    images_of,
    is_unread,
    passed_over,
    remedy_of,
    unlisted,
    walk_images,
)
from edge.images.limits import BITS, MOST_BYTES, MOST_PIXELS, SMALLEST
from edge.images.reader import ImageReader, read_image

__all__ = [
    "BITS",
    "MOST_BYTES",
    "MOST_PIXELS",
    "SMALLEST",
    "SUFFIXES",
    "ImageReader",
    "PassedOver",
    "Picture",
    "find_images",
    "images_of",
    "is_unread",
    "passed_over",
    "read_image",
    "remedy_of",
    "unlisted",
    "walk_images",
]
