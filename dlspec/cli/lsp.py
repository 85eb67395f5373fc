"""Answer an editor in the language server protocol, on standard input and output.

Editors start it themselves; docs/editors.md has the settings for VS Code, Neovim, Helix, Emacs and Zed.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--stdio", action="store_true", help="what it does anyway; some editors say so")


def run(options: Namespace) -> int:
    import os
    import sys

    try:
        from dlspec.editor.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        print("dlspec: the language server is an extra: pip install 'dlspec[lsp]'", file=sys.stderr)
        return 2
    output = os.dup(sys.stdout.fileno())
    serve()
    sys.stdout = os.fdopen(output, "w")  # the server has closed the one that it spoke on
    return 0
