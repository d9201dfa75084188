"""Python in processes forked from one that has loaded what they load: ``tests.shell`` asks it.

To load torch and scikit-learn takes seconds of a command that takes a tenth of one. What a fork
runs is what ``python -m weightbench`` or ``python -c`` runs, in a session of its own, with the
arguments, environment and working folder of who asks. The server that its workers are forked from
is a fork too, of the command.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import multiprocessing.forkserver
import multiprocessing.util
import os
import runpy
import signal
import socket
import sys
import traceback
import types
from collections.abc import Sequence
from typing import Any, NoReturn

import sklearn.datasets  # noqa: F401
import torch._dynamo  # noqa: F401 - what the first optimiser loads

import weightbench.advice
import weightbench.cli
import weightbench.evaluation.trial
import weightbench.report.export
import weightbench.report.site
import weightbench.report.terminal
import weightbench.submission.boards  # noqa: F401


def serve(requests: socket.socket) -> None:
    """Start a command for each request, until nobody asks."""
    gc.freeze()  # looking for garbage among all that is loaded copies it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who waits for a command
    while True:
        message, files, _, _ = socket.recv_fds(requests, 2**20, 3)
        if not message:
            return
        if not os.fork():
            requests.close()
            begin(files, **json.loads(message))
        for file in files:
            os.close(file)


def begin(files: list[int], **request: Any) -> NoReturn:
    """Run the command, and tell its process and how it ended: a line each into the last file."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests were started by
    *standard, tell = files
    child = os.fork()
    if not child:
        os.close(tell)
        become(standard, **request)
    for file in standard:
        os.close(file)
    os.write(tell, b"%d\n" % child)
    _, ended = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def become(files: list[int], arguments: list[str], env: dict[str, str], cwd: str) -> NoReturn:
    """Run the command in this process."""
    os.setsid()
    for standard, file in enumerate(files, 1):
        os.dup2(file, standard)
        os.close(file)
    multiprocessing.util.spawnv_passfds = fork_server  # type: ignore[assignment]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path[0] = cwd
    kind, what, *sys.argv[1:] = arguments
    code: object = None
    try:
        if kind == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), vars(main))
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    # As at the end of any process, but that modules are not taken apart: that takes a second.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


_in_a_new_interpreter = multiprocessing.util.spawnv_passfds


def fork_server(path: bytes, arguments: Sequence[str], files: Sequence[int]) -> int:
    """What multiprocessing starts helpers by; the server of workers is forked.

    It is left with the files that it would be left with, and knows nothing of a server.
    """
    code = arguments[-1]
    if "multiprocessing.forkserver" not in code:
        started: int = _in_a_new_interpreter(path, arguments, files)
        return started
    child = os.fork()
    if child:
        return child
    kept = sorted({0, 1, 2, *files})
    for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(low + 1, high)
    multiprocessing.forkserver._forkserver.__init__()  # type: ignore[misc]
    try:
        exec(code)
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    os._exit(0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
