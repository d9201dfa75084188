"""A process that gives up what it does not need, for good: files, the network, signals, privileges.

Linux alone can do it: Landlock (kernel 5.13 and later, for every user) says which files may be
opened, and namespaces, where the system lets this user have some, hide folders and the network.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weightbench.errors import ExecutorError

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, on every processor
_DEATH_OF_PARENT, _KEEP_CAPABILITIES, _DROP_BOUND, _CHILD_SUBREAPER, _NO_NEW_PRIVILEGES = (
    1,
    8,
    24,
    36,
    38,
)  # of prctl
_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x0002_0000, 0x1000_0000, 0x4000_0000
_PRIVATE = 0x4000 | 0x4_0000  # a mount that is nobody else's, with all below it
_CAPABILITIES = 64
_STRANGERS = 2**30  # from here on, users that nobody is
_V3 = 0x2008_0522  # of the header of capset

# Rights over files, by the version of Landlock that brought the last of them.
_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICE = 1 << 14, 1 << 15
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_OF_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE | _DEVICE
_READING = _EXECUTE | _READ | _LIST
_LEAVING = _WRITE | 1 << 8  # to make a file and write into it, not to read, change or remove one
_TCP, _SIGNALS_AND_ABSTRACT_SOCKETS = 3, 3  # all there are of each

_LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class _Ruleset(ctypes.Structure):
    _fields_ = [
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def can_confine() -> bool:
    """Whether this system has Landlock and this process may use it."""
    return sys.platform == "linux" and _version() > 0


def confine(read: Iterable[Path], write: Iterable[Path], leave: Iterable[Path] = ()) -> None:
    """Take from this process, and from all that it starts, every file but these; for good.

    TCP, signals to processes outside and looking into them go too, as far as the kernel can do it,
    and every capability. What is open already stays open.

    Args:
        read: files, and folders with all below them; those that are not there do not matter.
        write: likewise, to read, make, change and remove.
        leave: folders in which files may be made, and none be read.

    Raises:
        ExecutorError: the system cannot do it; nothing may be believed to be confined then.
    """
    version = _version()
    if version <= 0:
        raise ExecutorError("this system has no Landlock (Linux 5.13 and later)")
    rights = max((v, r) for v, r in _RIGHTS.items() if v <= version)[1]
    wanted = _Ruleset(rights, _TCP * (version >= 4), _SIGNALS_AND_ABSTRACT_SOCKETS * (version >= 6))
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _called(_LIBC.syscall(_CREATE_RULESET, ctypes.byref(wanted), size, 0))
    try:
        for path in read:
            _allow(rules, path, rights & _READING)
        for path in write:
            _allow(rules, path, rights)
        for path in leave:
            _allow(rules, path, rights & _LEAVING)
        _called(_LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _called(_LIBC.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)
    _drop_capabilities()


def hide(folders: Iterable[Path]) -> bool:
    """Put empty folders over ``folders`` for this process and its children, and cut the network.

    Call it before there are threads.

    Returns:
        Whether the system let this user do it.
    """
    user, group = os.getuid(), os.getgid()
    spaces = _NEW_MOUNTS | _NEW_NETWORK
    if _LIBC.unshare(spaces):
        if _LIBC.unshare(spaces | _NEW_USER):
            return False
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    done = [_LIBC.mount(b"none", b"/", None, _PRIVATE, None)]
    done += [
        _LIBC.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"mode=0555,size=4k")
        for folder in folders
    ]
    return not any(done)


def bound_processes(most: int) -> None:
    """Let this process and all that it starts have so many processes and threads; for good.

    The system counts them by user, and never root's. So root becomes :func:`stranger_of` this
    process, who still opens what root's files let their owner open, and whom :func:`end_all_of`
    ends. Anybody else stays who they are, and may have ``most`` beyond what they have by now.
    """
    import resource

    if os.geteuid() != 0 or not _become(stranger_of(os.getpid())):
        most += _tasks_of(os.getuid())
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def stranger_of(pid: int) -> int:
    """The user that process ``pid`` of root becomes in :func:`bound_processes`."""
    return _STRANGERS + pid


def end_all_of(user: int) -> None:
    """End every process of ``user`` at once, which none of them can outrun by forking; as root."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def adopt_orphans() -> None:
    """Have what descendants leave behind become children of this process, which can end them."""
    _called(_LIBC.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0))


def end_with_parent() -> None:
    """Have the system kill this process when the one that started it ends."""
    _called(_LIBC.prctl(_DEATH_OF_PARENT, signal.SIGKILL, 0, 0, 0))


def _become(user: int) -> bool:
    """Another user for all but the files, for which this stays the one it is."""
    owner = os.geteuid()
    _LIBC.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0)
    try:
        os.setresuid(user, user, user)
    except OSError:
        return False  # there are few users in this container
    header, sets = (ctypes.c_uint32 * 2)(_V3, 0), (ctypes.c_uint32 * 6)()
    _called(_LIBC.capget(ctypes.byref(header), ctypes.byref(sets)))
    sets[0], sets[3] = sets[1], sets[4]  # those permitted take effect again, to be dropped later
    _called(_LIBC.capset(ctypes.byref(header), ctypes.byref(sets)))
    _LIBC.setfsuid(owner)
    return True


def _tasks_of(user: int) -> int:
    """Processes and threads of ``user``, as far as this one can see."""
    count = 0
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if place.name.isdigit() and place.stat().st_uid == user:
                count += len(os.listdir(place / "task"))  # noqa: PTH208
    return count


def _version() -> int:
    return int(_LIBC.syscall(_CREATE_RULESET, None, 0, 1)) if sys.platform == "linux" else 0


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _OF_A_FILE
        below = _Beneath(rights, handle)
        _called(_LIBC.syscall(_ADD_RULE, rules, 1, ctypes.byref(below), 0))
    finally:
        os.close(handle)


def _drop_capabilities() -> None:
    """None are left, whoever this process belongs to."""
    for capability in range(_CAPABILITIES):
        _LIBC.prctl(_DROP_BOUND, capability, 0, 0, 0)  # refused where there are none to drop
    header = (ctypes.c_uint32 * 2)(_V3, 0)
    _called(_LIBC.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))


def _called(result: int) -> int:
    if result < 0:
        raise ExecutorError(f"cannot confine a process: {os.strerror(ctypes.get_errno())}")
    return int(result)
