"""Debian's chromium, headless, on a page of another origin: it follows a topic by EventSource and by WebSocket."""

import pytest
from confluent_kafka import Producer

from browser import Chromium, Page
from clients.confluent import Confluent
from servers import free_port

pytestmark = pytest.mark.furrow_only
PARTITIONS = 2
WHO = ("events", "socket")

client = Confluent()


def produce(server, topic, values) -> None:
    """By turns into the partitions."""
    producer = Producer({"bootstrap.servers": server.bootstrap})
    for i, value in enumerate(values):
        producer.produce(topic, value, partition=i % PARTITIONS)
    assert producer.flush(20) == 0


def names(start, count) -> list[str]:
    return [f"{number} für 日本" for number in range(start, start + count)]


@pytest.fixture
def page():
    page = Page()
    yield page
    page.end()


@pytest.fixture
def browse(page, tmp_path):
    """Opens the page in a browser."""
    opened = []

    def open_page(url) -> Chromium:
        opened.append(Chromium(tmp_path, url))
        return opened[-1]

    yield open_page
    for chromium in opened:
        chromium.end()


def start(servers, topic, origin):
    """A server for pages of that origin, with the topic; and its address."""
    port = free_port()
    server = servers.start({"rest.listeners": f"127.0.0.1:{port}", "access.control.allow.origin": origin})
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    return server, f"http://127.0.0.1:{port}"


def check(page, values) -> None:
    """All came to both, once, and in the order of their partitions."""
    for who in WHO:
        records = page.records(who)
        assert sorted(record["value"] for record in records) == sorted(values)
        for partition in range(PARTITIONS):
            offsets = [record["offset"] for record in records if record["partition"] == partition]
            assert offsets == list(range(len(values) // PARTITIONS))


def test_pages_follow_a_topic_across_a_restart(servers, page, browse, topic):
    server, address = start(servers, topic, page.origin())
    chromium = browse(page.url(server=address, topic=topic))

    def wait_for_each(what, count, words):
        chromium.wait_for(lambda: all(page.count(who, what) >= count for who in WHO), page, words)

    wait_for_each("open", 1, "open stream and socket")
    values = names(0, 200)
    produce(server, topic, values)
    wait_for_each("record", 200, "records")
    check(page, values)

    # EventSource comes back by itself, with Last-Event-ID; what was written before it did is not lost.
    server.stop()
    wait_for_each("lost", 1, "end of stream and socket")
    server.start()
    more = names(200, 100)
    produce(server, topic, more)
    wait_for_each("open", 2, "stream and socket again")
    wait_for_each("record", 300, "records after the restart")
    check(page, values + more)


def test_pages_produce(servers, page, browse, topic):
    server, address = start(servers, topic, f"https://example.org, {page.origin()}")
    chromium = browse(page.url(server=address, topic=topic, produce="yes"))
    chromium.wait_for(lambda: page.count("fetch", "produced"), page, "answer")
    assert client.consume(server.bootstrap, topic, 1)[0].value == b"from the page"


def test_pages_of_other_origins_get_nothing(servers, page, browse, topic):
    server, address = start(servers, topic, page.origin())
    url = page.url("localhost", server=address, topic=topic, produce="yes")
    chromium = browse(url)
    for who in (*WHO, "fetch"):
        chromium.wait_for(lambda: page.count(who, "closed"), page, f"refusal of {who}")
    assert {one["what"] for one in page.told} == {"closed"}
    produce(server, topic, names(0, 1))
    assert [record.value.decode() for record in client.consume(server.bootstrap, topic, 1)] == names(0, 1)
