"""Start proot without what it cannot do: python deploy/proot.py PROOT-ARGUMENT...

Debian 12's proot 5.1 does not translate the path in faccessat2, so that ``os.access`` and ``test -r`` look for it
outside the root. Where the kernel says that it has no such call, the C library takes the older one, which proot knows.
Nor does proot keep root from this machine's mounts, which debootstrap unmounts, as its own, when it is done.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

FACCESSAT2 = 439  # on every architecture
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
_PR_CAPBSET_DROP, _CAP_SYS_ADMIN = 24, 21  # linux/prctl.h, linux/capability.h
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_FILTER = (  # code, how many to skip where true and where false, value
    (_LOAD, 0, 0, 0),  # the number of the call
    (_JUMP_IF_EQUAL, 0, 1, FACCESSAT2),
    (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
    (_RETURN, 0, 0, _ALLOW),
)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def take_away() -> None:
    """The right to mount and the call, from all that this process starts from here on.

    Raises:
        OSError: the kernel has no such filters.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    prctl(_PR_CAPBSET_DROP, _CAP_SYS_ADMIN, 0, 0, 0)  # who is refused this is not root, and has no such right
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _FILTER)
    program = _Program(len(_FILTER), code)
    for call in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0),
    ):
        if prctl(*call):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls, which proot needs here")


if __name__ == "__main__":
    take_away()
    os.execvp("proot", ["proot", *sys.argv[1:]])
