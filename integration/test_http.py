"""HTTP: health, metrics, version and what the connection does, with curl and with Python's own client."""

import http.client
import json
import re
import socket
import subprocess

import pytest

from clients import Record
from clients.confluent import Confluent
from installed import CACHE
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.furrow_only

SETTINGS = {"rest.listeners": "127.0.0.1:0", "auto.create.topics.enable": "true"}
client = Confluent()


@pytest.fixture(scope="module")
def port(server) -> int:
    return int(re.search(r"protocol=http\b.*\bport=(\d+)", server.log.read_text())[1])


@pytest.fixture
def curl(port):
    def run(path, *arguments):
        url = f"http://127.0.0.1:{port}{path}"
        done = subprocess.run(["curl", "-sS", "--max-time", "10", *arguments, url], capture_output=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    return run


def talk(port, request: bytes) -> bytes:
    """All that comes until the server ends the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(request)
        while received := peer.recv(65536):
            answer += received
    return answer


def samples(curl) -> dict[tuple, float]:
    families = text_string_to_metric_families(curl("/metrics"))
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_health(curl):
    for path in ("live", "ready"):
        assert json.loads(curl(f"/health/{path}", "--fail")) == {"status": path}


def test_version_names_the_cluster(curl, server):
    version = json.loads(curl("/version", "--fail"))
    assert version["cluster_id"] == re.search(r"cluster_id=(\S+)", server.log.read_text())[1]
    assert version["node_id"] == 1


def test_metrics_follow_topics_and_groups(curl, server, topic):
    client.produce(server.bootstrap, [Record(value=b"x") for _ in range(5)], topic)
    found = samples(curl)
    partition = (("partition", "0"), ("topic", topic))
    assert found[("kafka_topic_partitions", ("topic", topic))] == 1
    assert found[("kafka_topic_partition_current_offset", *partition)] == 5
    assert found[("kafka_topic_partition_oldest_offset", *partition)] == 0
    assert found[("kafka_server_brokertopicmetrics_messagesin_total", ("topic", topic))] == 5
    assert found[("kafka_server_brokertopicmetrics_bytesin_total", ("topic", topic))] > 5
    assert found[("furrow_kafka_requests_total", ("api", "Produce"))] > 0


def test_promtool_has_nothing_to_say_about_the_metrics(curl):
    """After some of everything: families without samples are not looked at."""
    curl("/nothing")
    for _ in range(2):
        done = subprocess.run([CACHE / "promtool", "check", "metrics"], input=curl("/metrics").encode(), capture_output=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_nothing_fails_under_load(port, server):
    done = subprocess.run(
        ["wrk", "-t2", "-c200", "-d3s", "--latency", f"http://127.0.0.1:{port}/version"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and int(re.search(r"(\d+) requests in", done.stdout)[1]) > 1000, done.stdout
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout


def test_every_path_of_the_page_answers(curl):
    page = curl("/", "--fail")
    paths = re.findall(r'href="([^"]+)"', page)
    assert "/metrics" in paths and "/openapi.json" in paths
    for path in paths:
        curl(path, "--fail")


def test_openapi_names_all_routes(curl):
    described = json.loads(curl("/openapi.json", "--fail"))
    assert described["openapi"].startswith("3.")
    assert set(described["paths"]) == set(re.findall(r'<code>(?:<a[^>]*>)?([^<]+)', curl("/")))


def test_curl_reads_what_is_compressed(curl):
    plain = curl("/openapi.json")
    head = curl("/openapi.json", "--compressed", "--dump-header", "-")
    assert "Content-Encoding: " in head and head.endswith(plain)


def test_a_connection_serves_many_requests(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(100):
        connection.request("GET", "/version")
        assert json.load(connection.getresponse())["node_id"] == 1
        connection.request("HEAD", "/metrics")
        assert connection.getresponse().read() == b""
    assert connection.sock is first
    connection.close()


def test_the_answer_to_what_is_refused_arrives(port):
    """A close with unread bytes would take it away."""
    body = b"x" * (4 << 20)
    head = b"POST /version HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    for _ in range(20):
        assert talk(port, head + body[: 1 << 20]).startswith(b"HTTP/1.1 405 ")
    assert talk(port, b"GET / HTTP/1.1\nHost: a\n\n").startswith(b"HTTP/1.1 400 ")


def test_kafka_on_the_port_of_http_is_refused(port):
    assert talk(port, b"\0\0\0\x20\0\x12\0\3\0\0\0\1\0\4test").startswith(b"HTTP/1.1 400 ")
