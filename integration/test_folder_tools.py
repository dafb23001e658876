"""furrow verify, repair, backup and restore, on folders of real servers with real clients."""

import json
import subprocess
from pathlib import Path

import pytest

from clients import Record
from clients.confluent import Confluent
from servers import free_port

pytestmark = pytest.mark.furrow_only

client = Confluent()


@pytest.fixture
def furrow(request):
    """Runs the command line that was built beside the server."""
    binary = request.config.getoption("furrowd").resolve().parent / "furrow"

    def run(*arguments: object, status: int | None = 0, **options) -> subprocess.CompletedProcess:
        command = [binary, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=120, **options)
        assert status is None or done.returncode == status, (done.stdout[-2000:], done.stderr)
        return done

    return run


def said(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def verify(furrow, data: Path, status: int = 0) -> dict:
    return said(furrow("verify", "--json", data, status=status))[-1]


@pytest.fixture
def filled(servers, topic):
    """A running server with a topic of several segments in every codec."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(1 << 20)})
    records = [Record(b"%d-" % number * 200, b"key-%d" % number) for number in range(1200)]
    for number, codec in enumerate(client.codecs):
        client.produce(server.bootstrap, records, topic, codec, idempotent=number % 2 == 0)
    return server


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 4
    file.write_bytes(content)


def test_a_stopped_server_s_folder_is_sound(furrow, filled, topic):
    records = 1200 * len(client.codecs)
    assert b"in use" in furrow("verify", filled.data, status=3).stderr
    filled.stop()
    summary = verify(furrow, filled.data)
    assert summary["verdict"] == "ok" and summary["last_stop"] == "clean"
    assert summary["notes"] == summary["damages"] == 0 and summary["records"] == records + 2
    lines = said(furrow("verify", "--json", "--partitions", filled.data))
    partition = next(line for line in lines if line.get("folder") == f"{topic}-0")
    assert (partition["first_offset"], partition["end_offset"]) == (0, records)
    filled.start()


def test_a_killed_server_s_folder_has_notes_at_most(furrow, filled):
    filled.kill()
    summary = verify(furrow, filled.data)
    assert summary["last_stop"] == "unclean" and summary["damages"] == 0
    filled.start()


def test_damage_is_told_by_place(furrow, filled, topic):
    filled.stop()
    segment = min(filled.partition_folder(topic).glob("*.log"))
    flip(segment, 5000)
    lines = said(furrow("verify", "--json", filled.data, status=1))
    (finding,) = [line for line in lines if line["kind"] == "finding"]
    assert finding["level"] == "damage" and finding["path"] == f"{topic}-0/{segment.name}"
    assert finding["position"] <= 5000 < finding["position"] + finding["bytes"]
    assert lines[-1]["verdict"] == "damaged"


def test_wrong_use_is_told(furrow, tmp_path):
    assert furrow("verify", status=2).stderr
    assert b"no data folder" in furrow("verify", tmp_path, status=3).stderr
    assert b"no-such" in furrow("verify", tmp_path / "no-such", status=3).stderr
    assert b"Examples:" in furrow("verify", "--help").stdout
