"""Write what a run trained for use without dlspec: ONNX, a torch.export program, or the weights alone.

The program that is written is run beside the module, and must agree with it.
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


FORMATS = ("onnx", "pt2", "safetensors")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--format", choices=FORMATS, help="what to write; told by the ending of OUT where left out")
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="the file; model.onnx and so on in the run folder by default"
    )
    parser.add_argument(
        "--for", dest="purpose", choices=["inference"], help="inference: with batch norms folded and no dropout"
    )


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.cli.running import reporting, training
    from dlspec.exporting import export_run

    training("run")
    out = Path(options.out) if options.out else None
    kind = options.format or (out.suffix[1:] if out is not None else "")
    if kind not in FORMATS:
        print("error: it is not said what to write", file=sys.stderr)
        print("help: give `--format onnx`, `pt2` or `safetensors`, or a file whose name ends so", file=sys.stderr)
        return 2
    folder, inference = Path(options.folder), options.purpose == "inference"
    return reporting(lambda: export_run(folder, kind, out, for_inference=inference))
