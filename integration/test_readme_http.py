"""What the README says of HTTP: its commands are run, each section's on a server of its own."""

import re
import subprocess

import pytest

from clients import Record
from clients.confluent import Confluent
from confluent_kafka import Consumer
from installed import TREE
from rest import SETTINGS, rest_port

pytestmark = pytest.mark.furrow_only

# curl fails when the server refuses; what follows without end is cut after a moment.
PRELUDE = """set -euo pipefail
curl() {
    case "$*" in
        *follow* | *event-stream*) command curl -sS --fail-with-body --max-time 1 "$@" || [ $? = 28 ] ;;
        *) command curl -sS --fail-with-body --max-time 20 "$@" ;;
    esac
}
"""
FILES = {
    "photo.jpg": bytes(range(256)) * 100,
    "orders.ndjson": b'{"key":"k1","value":"second"}\n{"key":"k1","value":null}\n',
}


def sections() -> dict[str, str]:
    """The shell blocks of the chapter, by the heading that they stand under."""
    chapter = re.search(r"^## HTTP\n(.*?)^## ", (TREE / "README.md").read_text(), re.M | re.S)[1]
    found: dict[str, str] = {}
    for part in re.split(r"^### ", "Server\n" + chapter, flags=re.M):
        heading, text = part.split("\n", 1)
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
        if blocks:
            found[heading] = "\n".join(blocks)
    return found


@pytest.fixture
def billing(server_of_readme):
    """A member of the group that the README speaks of."""
    Confluent().produce(server_of_readme.bootstrap, [Record(b"x")], "invoices")
    settings = {"bootstrap.servers": server_of_readme.bootstrap, "auto.offset.reset": "earliest", "group.id": "billing"}
    consumer = Consumer(settings)
    consumer.subscribe(["invoices"])
    message = consumer.poll(20)
    assert message is not None and not message.error()
    consumer.commit(message, asynchronous=False)
    yield consumer
    consumer.close()


@pytest.fixture
def server_of_readme(servers):
    return servers.start({**SETTINGS, "auto.create.topics.enable": "true", "group.initial.rebalance.delay.ms": "0"})


@pytest.mark.parametrize("heading", sections())
def test_the_commands_work(server_of_readme, billing, tmp_path, heading):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    script = PRELUDE + sections()[heading].replace("localhost:8082", f"127.0.0.1:{rest_port(server_of_readme)}")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr)
