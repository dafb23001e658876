"""Everything at once, for a while: nothing is lost, nothing is left over, nothing falls over."""

import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wire import Connection

CHURN = Path(__file__).with_name("churn.py")
SECONDS = 6


def read_all(connection: Connection, topic: str) -> bytes:
    found, offset = b"", 0
    while records := connection.fetch({topic: {0: offset}}, max_wait=0).partitions[topic, 0].records:
        found += records
        at = 0
        while at + 61 <= len(records):
            base, length = struct.unpack_from(">qi", records, at)
            offset = base + struct.unpack_from(">i", records, at + 23)[0] + 1
            at += 12 + length
    return found


def budget_used(server) -> int:
    server.process.send_signal(signal.SIGUSR1)  # the memory goes to the log
    time.sleep(0.2)
    return int(re.findall(r"budget_used=(\d+)", server.log.read_text())[-1])


@pytest.mark.furrow_only
def test_churn(servers):
    server = servers.start({"log.flush.interval.ms": "500"})
    command = [sys.executable, CHURN, str(server.port), str(SECONDS), "1"]
    churned = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert churned.returncode == 0 and not churned.stderr, churned.stderr.decode()
    acknowledged = churned.stdout.splitlines()
    assert acknowledged
    with Connection(server.bootstrap) as connection:
        found = read_all(connection, "kept")
    assert [value for value in acknowledged if value not in found] == []
    deadline = time.monotonic() + 5
    while budget_used(server) != 0 and time.monotonic() < deadline:
        pass
    assert budget_used(server) == 0, "what was reserved did not come back"
    server.stop()
