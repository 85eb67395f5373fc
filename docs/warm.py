"""Commands of pages without their start: one process imports torch, and forks itself for each command.

`python docs/warm.py SOCKET` serves; `shims` writes a `dlspec` and a `python` that hand their words, folder,
environment and open files to it, so that shells, pipes and redirections are those of the page. A command that trains
for a tenth of a second would else import for three. Linux only: elsewhere a fork with torch in it may fail.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path

SHIM = """\
#!{python} -SEs
import array, json, os, socket, sys
real = "{python}"
words = sys.argv[1:]
if "{name}" == "python" and not (words and words[0].endswith(".py")):
    os.execv(real, [real, *words])
link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
link.connect("{address}")
asked = json.dumps(["{name}", words, os.getcwd(), dict(os.environ)]).encode()
link.sendmsg([len(asked).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
link.sendall(asked)
sys.exit(int(link.makefile().read() or 1))
"""


def shims(folder: Path, address: str) -> None:
    """Write the two commands into a folder for the front of PATH."""
    for name in ("dlspec", "python"):
        shim = folder / name
        shim.write_text(SHIM.format(python=sys.executable, name=name, address=address), encoding="utf-8")
        shim.chmod(0o755)


def serve(address: str) -> None:
    """Answer until killed, or until the process that started it is gone."""
    import matplotlib.figure  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch  # noqa: F401

    import dlspec.running
    import dlspec.training.report
    import dlspec.training.run  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the system
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(address)
        door.listen(8)
        door.settimeout(1)
        print("ready", flush=True)
        while os.getppid() == parent:
            try:
                link, _ = door.accept()
            except TimeoutError:
                continue
            link.settimeout(None)
            if os.fork() == 0:
                door.close()
                _command(link)
            link.close()


def _command(link: socket.socket) -> None:
    """Run one command as its shell would have, and tell its exit code; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, files, _, _ = socket.recv_fds(link, 4, 3)
    size, asked = int.from_bytes(head, "big"), b""
    while len(asked) < size:
        asked += link.recv(size - len(asked))
    name, words, folder, environment = json.loads(asked)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        code = _run(name, words)
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    link.sendall(str(code).encode())
    os._exit(code)


def _run(name: str, words: list[str]) -> int:
    if name == "dlspec":
        from dlspec.cli import main

        return main(words)
    sys.argv = words
    sys.path.insert(0, os.getcwd())
    runpy.run_path(words[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
