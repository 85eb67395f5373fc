"""Data sets of the Hugging Face Hub opened: with a network and without, and what to do where one is not given."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from dlspec.plan.file_sources import Hub
from dlspec.record import TYPE_CHECKING
from dlspec.training import files
from dlspec.training.errors import RunError, UnreadableError

if TYPE_CHECKING:
    from typing import Any


def opened(source: Hub, folder: Path) -> tuple[Any, tuple[str, ...]]:
    """The part of the data set that is read, and what is to be said of where it came from.

    Raises RunError where it cannot be had.
    """
    local = folder / source.dataset
    reachable = local.is_dir() or (not source.offline and hub_answers())
    note = "the Hub cannot be reached; what was downloaded before is used"
    notes = () if reachable or source.offline else (note,)
    with nullcontext() if reachable else _offline():
        try:
            import datasets
        except ImportError:
            raise RunError("data sets of the Hub need `datasets`", "install it: `pip install dlspec[hub]`") from None
        datasets.disable_progress_bars()
        datasets.utils.logging.set_verbosity_error()  # it tells of retries and caches, which is no news to a user
        try:
            if (local / "state.json").exists() or (local / "dataset_dict.json").exists():
                saved = datasets.load_from_disk(str(local))
                return saved[source.part] if isinstance(saved, datasets.DatasetDict) else saved, ()
            name = str(local) if local.is_dir() else source.dataset
            return datasets.load_dataset(name, split=source.part, revision=source.revision), notes
        except KeyError:
            raise _without_part(source, list(saved)) from None
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
            raise _refused(source, error, reachable=reachable, is_local=local.is_dir()) from error


def hub_answers(seconds: float = 5) -> bool:
    """Whether the Hub can be reached, or a proxy is there to ask; its own client tries for half a minute."""
    if any(getproxies().get(kind) for kind in ("http", "https", "all")):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=seconds).close()
    except OSError:
        return False
    return True


@contextmanager
def _offline() -> Iterator[None]:
    """Only what was downloaded before is looked at, by a client that is imported now or was before."""
    names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        import datasets
        import huggingface_hub.constants as constants
    except ImportError:
        yield
        return
    settings = [(datasets.config, "HF_HUB_OFFLINE"), (datasets.config, "HF_DATASETS_OFFLINE"), (constants, names[0])]
    held = [(where, name, getattr(where, name, False)) for where, name in settings]
    try:
        for where, name in settings:
            setattr(where, name, True)
        yield
    finally:
        for where, name, _ in held:
            setattr(where, name, before["HF_HUB_OFFLINE"] in ("1", "true", "TRUE", "yes", "ON"))
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _without_part(source: Hub, parts: Sequence[str]) -> RunError:
    told = RunError(
        f"`{source.dataset}` has no part `{source.part}`", files.known_names(source.part, tuple(parts), "parts")
    )
    told.span = source.at("part")
    return told


def _refused(source: Hub, error: Exception, *, reachable: bool, is_local: bool) -> RunError:
    """What to do where the Hub, or a folder, does not give the data set."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if reason.startswith("Unknown split"):
        return _without_part(source, re.findall(r"'([^']+)'", reason.partition("Should be one of")[2]))
    if "scripts are no longer supported" in reason:
        message = f"`{source.dataset}` is read by code of its own, which is not run"
        return _told(source, message, "save it as Parquet files, or with `save_to_disk`, where its code is trusted")
    if is_local:
        return _told(
            source,
            f"the folder `{source.dataset}` cannot be loaded: {reason}",
            "it should hold what `datasets` saves or loads, such as Parquet files",
        )
    if source.offline:
        return _told(source, f"`{source.dataset}` was not downloaded before", "load it once without `offline=true`")
    if not reachable or isinstance(error, ConnectionError):
        hint = "try again with a network; a folder of that name is not there either"
        return _told(source, f"the Hub cannot be reached, and `{source.dataset}` was not downloaded before", hint)
    if "gated" in reason:
        page = f"https://huggingface.co/datasets/{source.dataset}"
        return _told(
            source, f"`{source.dataset}` is given only to those who ask", f"ask on {page}, then log in: `hf auth login`"
        )
    if "doesn't exist" in reason:
        hint = "look at its spelling; private ones want `hf auth login`; a folder counts from that of the spec"
        return _told(source, f"there is no data set `{source.dataset}` on the Hub", hint)
    return _told(source, f"`{source.dataset}` cannot be loaded: {reason}", "a folder counts from that of the spec")


def _told(source: Hub, message: str, hint: str) -> RunError:
    error = UnreadableError(message, hint)
    error.span = source.at("dataset")
    return error
