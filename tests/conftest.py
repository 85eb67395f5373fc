"""What every test can rely on: the same examples each time, one thread, no network, and `--bless`.

`HYPOTHESIS_PROFILE=search` looks for new examples, ten times as many, instead of repeating the known ones.
"""

from __future__ import annotations

import os
import socket

# Before torch and matplotlib are imported: two workers share two cores, and nothing opens a window.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no failing example, so neither profile has a deadline.
SLOW_IS_FINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, database=None, print_blob=True, **SLOW_IS_FINE)
settings.register_profile("search", max_examples=1000, print_blob=True, **SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="rewrite the expected texts with what is printed today")


@pytest.fixture(scope="session")
def bless(pytestconfig: pytest.Config) -> bool:
    """Whether expected texts are to be rewritten instead of compared; read the diff before you commit it."""
    return bool(pytestconfig.getoption("bless"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would reach another machine fails where it tries; this machine itself stays open."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("localhost", "127.0.0.1", "::1"):
            pytest.fail(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
