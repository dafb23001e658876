"""Every client, every codec: what was written comes back, exactly."""

import random
import time
from dataclasses import replace

import pytest

from clients import At, Client, ClientError, Record, content
from clients.aio import AioKafka
from clients.confluent import Confluent
from clients.driver import FranzGo, Java
from clients.kafka_python import KafkaPython
from clients.kcat import Kcat

CLIENTS = [Kcat, Confluent, KafkaPython, AioKafka, Java, FranzGo]
MAX_RECORD = 1_000_000


@pytest.fixture(scope="module")
def clients() -> dict[type[Client], Client]:
    made = {kind: kind() for kind in CLIENTS}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture(scope="module")
def auto_server(module_servers):
    return module_servers.start({"auto.create.topics.enable": "true"})


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.name)
def client(request, clients) -> Client:
    return clients[request.param]


@pytest.fixture(params=["none", "gzip", "snappy", "lz4", "zstd"])
def codec(request) -> str:
    return request.param


@pytest.fixture
def create(server, client, clients):
    """Makes a topic with the client itself, or with another where the client cannot."""
    maker = client if client.creates_topics else clients[Confluent]

    def create(topic, partitions=1, **config):
        maker.create_topic(
            server.bootstrap, topic, partitions, {key.replace("_", "."): value for key, value in config.items()}
        )

    return create


def dataset(client: Client, seed: int | str, partitions: int = 3) -> list[Record]:
    """Records of every shape that the client can write; the values of each are told apart by a number."""
    shuffle = random.Random(seed)
    large = shuffle.randbytes(MAX_RECORD // 2) + b"x" * (MAX_RECORD // 2)
    now = int(time.time() * 1000)
    headers = [("one", b"1"), ("two", b"zwei \xc3\xa4"), ("one", b"again"), ("empty", b"")]
    if client.null_headers:
        headers.append(("null", None))
    records = [
        Record(b"plain"),
        Record(b"with key", b"key"),
        Record(b"headers", b"key", tuple(headers)),
        *([Record(b"")] if client.empty_values_without_key else []),
        Record(b"", b"key of an empty value"),
        Record(None, b"key of null"),
        Record(b"1"),
        Record(large, b"key of a large value"),
        *(Record(b"number %d" % number, b"counted") for number in range(50)),
    ]
    records = [replace(record, partition=number % partitions) for number, record in enumerate(records)]
    if client.sets_timestamps:
        records = [
            replace(record, timestamp=now - 1000 * len(records) + 1000 * number)
            for number, record in enumerate(records)
        ]
    return records


def of_partition(records: list[Record], partition: int) -> list[Record]:
    return [record for record in records if record.partition == partition]


def same(read: list[Record], written: list[Record]) -> None:
    assert content(read) == content(written)
    assert [record.offset for record in read] == list(range(len(read)))
    for got, given in zip(read, written):
        assert given.timestamp in (None, got.timestamp)
        assert abs(got.timestamp - time.time() * 1000) < 600_000


def test_what_was_written_comes_back(server, client, create, topic, codec):
    create(topic, partitions=3)
    records = dataset(client, seed=codec)
    offsets = client.produce(server.bootstrap, records, topic, codec)
    if offsets is not None:
        assert offsets == [number // 3 for number in range(len(records))]
    for partition in range(3):
        written = of_partition(records, partition)
        same(client.consume(server.bootstrap, topic, len(written), partition), written)


@pytest.mark.parametrize("writer", CLIENTS, ids=lambda kind: kind.name)
def test_what_one_client_writes_all_others_read(server, clients, writer, codec, topic):
    clients[Confluent].create_topic(server.bootstrap, topic)
    records = [replace(record, partition=0) for record in dataset(clients[writer], seed=1)]
    clients[writer].produce(server.bootstrap, records, topic, codec)
    for reader in clients.values():
        if reader.name != clients[writer].name:
            same(reader.consume(server.bootstrap, topic, len(records)), records)


def test_reads_from_an_offset(server, client, create, topic):
    create(topic)
    records = [Record(b"%d" % number) for number in range(200)]
    client.produce(server.bootstrap, records, topic)
    for offset in (0, 1, 99, 199):
        read = client.consume(server.bootstrap, topic, len(records) - offset, start=offset)
        assert content(read) == records[offset:]


def test_reads_from_a_time(server, client, clients, create, topic):
    create(topic)
    now = int(time.time() * 1000)
    records = [Record(b"%d" % number, timestamp=now - 100_000 + 1000 * number) for number in range(100)]
    writer = client if client.sets_timestamps else clients[Confluent]
    for start in range(0, 100, 10):
        writer.produce(server.bootstrap, records[start : start + 10], topic)
    for number, time_asked in (
        (0, 0),
        (0, records[0].timestamp),
        (1, records[0].timestamp + 1),
        (57, records[57].timestamp),
        (99, records[99].timestamp),
    ):
        read = client.consume(server.bootstrap, topic, len(records) - number, start=At(time_asked))
        assert [record.offset for record in read] == list(range(number, 100)), time_asked


def test_a_reader_at_the_end_sees_only_what_comes(server, client, create, topic):
    create(topic)
    client.produce(server.bootstrap, [Record(b"old")] * 5, topic)
    with client.tail(server.bootstrap, topic) as tail:
        client.produce(server.bootstrap, [Record(b"new")], topic)
        assert [(record.offset, record.value) for record in tail.take(1)] == [(5, b"new")]
        client.produce(server.bootstrap, [Record(b"newer")], topic)
        assert [(record.offset, record.value) for record in tail.take(1)] == [(6, b"newer")]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_all_levels_of_acknowledgement(server, client, create, topic, acks):
    create(topic)
    records = [Record(b"%d" % number) for number in range(100)]
    client.produce(server.bootstrap, records, topic, acks=acks)
    assert content(client.consume(server.bootstrap, topic, 100)) == records


def test_an_idempotent_producer(server, client, create, topic, codec):
    create(topic, partitions=3)
    records = dataset(client, seed=2)
    client.produce(server.bootstrap, records, topic, codec, idempotent=True)
    for partition in range(3):
        written = of_partition(records, partition)
        same(client.consume(server.bootstrap, topic, len(written), partition), written)


def failure(call, *arguments, **options) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    return str(caught.value.args[0])


def names_one_of(expected: tuple[str, ...], said: str) -> None:
    assert any(name in said for name in expected), said


def test_an_unknown_topic_is_an_error(server, client, topic):
    names_one_of(client.unknown_topic, failure(client.produce, server.bootstrap, [Record(b"lost")], topic))


def test_a_topic_is_made_when_it_is_first_used(auto_server, client, topic):
    client.produce(auto_server.bootstrap, [Record(b"first")], topic)
    assert content(client.consume(auto_server.bootstrap, topic, 1)) == [Record(b"first")]


def test_a_record_above_the_limit_is_an_error(server, client, create, topic):
    create(topic)
    names_one_of(client.too_large, failure(client.produce, server.bootstrap, [Record(b"x" * 2_000_000)], topic))
    client.produce(server.bootstrap, [Record(b"small")], topic)
    assert [record.value for record in client.consume(server.bootstrap, topic, 1)] == [b"small"]


def test_a_topic_may_have_a_limit_of_its_own(server, client, create, topic):
    create(topic, max_message_bytes="2000")
    names_one_of(client.too_large, failure(client.produce, server.bootstrap, [Record(b"x" * 3000)], topic))
    client.produce(server.bootstrap, [Record(b"x" * 1500)], topic)


@pytest.mark.parametrize("name", ["spaces are not allowed", "..", "x" * 250, "slash/"])
def test_an_invalid_name_is_an_error(server, client, name):
    if client.creates_topics:
        names_one_of(client.invalid_name, failure(client.create_topic, server.bootstrap, name))
    else:
        names_one_of(client.invalid_name, failure(client.produce, server.bootstrap, [Record(b"lost")], name))


def test_a_topic_that_exists_is_an_error(server, client, create, topic):
    create(topic)
    names_one_of(("Exists", "EXISTS"), failure(create, topic))
