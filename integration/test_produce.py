"""Produce, to the byte: what is checked, what is changed, what is remembered of producers."""

import struct
import time

import pytest

from clients import Record, content
from clients.confluent import Confluent
from crc32c import crc32c
from wire import INIT_PRODUCER_ID, LIST_OFFSETS, PRODUCE, Connection, array, batch, produce_request, request, string

CORRUPT_MESSAGE, UNKNOWN_TOPIC, MESSAGE_TOO_LARGE, INVALID_REQUIRED_ACKS, INVALID_TIMESTAMP = 2, 3, 10, 21, 32
OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD = 45, 47, 76, 87

client = Confluent()


@pytest.fixture
def connection(server):
    with Connection(server.bootstrap) as connection:
        yield connection


def with_crc(records: bytes) -> bytes:
    """The batch with the CRC that its bytes should have."""
    return records[:17] + struct.pack(">I", crc32c(records[21:])) + records[21:]


def changed(records: bytes, offset: int, kind: str, value: int) -> bytes:
    field = struct.pack(">" + kind, value)
    return with_crc(records[:offset] + field + records[offset + len(field) :])


# Where fields stand in a batch.
MAGIC, ATTRIBUTES, LAST_OFFSET_DELTA, COUNT = 16, 21, 23, 57


# ---- what is checked ----


SPOILED = {
    "a bit": (CORRUPT_MESSAGE, batch(b"one")[:-1] + b"\1"),
    "the CRC": (CORRUPT_MESSAGE, batch(b"one")[:17] + b"\0\0\0\0" + batch(b"one")[21:]),
    "count too high": (INVALID_RECORD, changed(batch(b"one", b"two"), COUNT, "i", 3)),
    "count too low": (INVALID_RECORD, changed(batch(b"one", b"two"), COUNT, "i", 1)),
    "last offset delta": (INVALID_RECORD, changed(batch(b"one", b"two"), LAST_OFFSET_DELTA, "i", 5)),
    "a control batch": (INVALID_RECORD, changed(batch(b"one"), ATTRIBUTES, "h", 0x20)),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_batch_that_is_wrong_is_refused_and_changes_nothing(connection, topic, what):
    connection.create_topic(topic)
    error, records = SPOILED[what]
    assert connection.produce(topic, records=records) == (error, -1)
    assert connection.produce(topic, b"good") == (0, 0)


def test_topics_and_partitions_must_exist(connection, topic):
    assert connection.produce("no-such-topic", b"x") == (UNKNOWN_TOPIC, -1)
    connection.create_topic(topic)
    connection.send(produce_request(topic, batch(b"x"), partition=3))
    assert connection.produced() == (UNKNOWN_TOPIC, -1)


def test_acks_are_none_one_or_all(connection, topic):
    connection.create_topic(topic)
    for acks in (2, -2, 100):
        assert connection.produce(topic, b"x", acks=acks)[0] == INVALID_REQUIRED_ACKS
    assert connection.produce(topic, b"x", acks=1) == (0, 0)


def test_without_acks_there_is_no_answer_and_an_error_closes(server, connection, topic):
    connection.create_topic(topic)
    connection.produce(topic, b"silent", acks=0)
    assert connection.produce(topic, b"loud", acks=1) == (0, 1)
    with Connection(server.bootstrap) as other:
        other.produce("no-such-topic", b"x", acks=0)
        assert other.closed()


def test_the_limit_counts_the_whole_batch(connection, topic):
    connection.create_topic(topic, max_message_bytes="5000")
    overhead = len(batch(b"x" * 4000)) - 4000
    assert connection.produce(topic, b"x" * (5000 - overhead)) == (0, 0)
    assert connection.produce(topic, b"x" * (5001 - overhead)) == (MESSAGE_TOO_LARGE, -1)


def test_one_wrong_partition_does_not_harm_the_others(connection, topic):
    connection.create_topic(topic, partitions=2)
    good, bad = batch(b"good"), batch(b"bad")[:-1] + b"\1"
    data = [struct.pack(">ii", number, len(records)) + records for number, records in ((0, bad), (1, good), (5, good))]
    body = string(None) + struct.pack(">hi", -1, 10_000) + array(string(topic) + array(*data))
    connection.send(request(PRODUCE, 7, body))
    reader = connection.response()
    [(_, answers)] = reader.array(lambda r: (r.string(), r.array(lambda p: tuple(p.number(kind) for kind in "ihqqq"))))
    errors = {partition: error for partition, error, *_ in answers}
    assert errors == {0: CORRUPT_MESSAGE, 1: 0, 5: UNKNOWN_TOPIC}


def test_zstd_needs_version_7(connection, topic):
    connection.create_topic(topic)
    zstd = changed(batch(b"x"), ATTRIBUTES, "h", 4)
    body = (
        string(None)
        + struct.pack(">hi", -1, 10_000)
        + array(string(topic) + array(struct.pack(">ii", 0, len(zstd)) + zstd))
    )
    connection.send(request(PRODUCE, 3, body))
    reader = connection.response()
    [(_, [(_, error)])] = reader.array(lambda r: (r.string(), r.array(lambda p: (p.number("i"), p.number("h")))))
    assert error == UNSUPPORTED_COMPRESSION_TYPE


def test_a_timestamp_may_not_lie_too_far_ahead_or_behind(connection, topic):
    connection.create_topic(topic, message_timestamp_after_max_ms="3600000", message_timestamp_before_max_ms="3600000")
    now = int(time.time() * 1000)
    for minutes, error in ((-90, INVALID_TIMESTAMP), (-30, 0), (0, 0), (30, 0), (90, INVALID_TIMESTAMP)):
        assert connection.produce(topic, records=batch(b"x", timestamp=now + 60_000 * minutes))[0] == error, minutes


# ---- what is changed ----


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_the_server_may_keep_the_time(server, connection, topic, codec):
    connection.create_topic(topic, message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    client.produce(
        server.bootstrap, [Record(b"%d" % number, timestamp=1_600_000_000_000) for number in range(10)], topic, codec
    )
    read = client.consume(server.bootstrap, topic, 10)
    assert [record.value for record in read] == [b"%d" % number for number in range(10)]
    for record in read:
        assert before <= record.timestamp <= time.time() * 1000


@pytest.mark.parametrize("kept", ["gzip", "snappy", "lz4", "zstd", "uncompressed"])
def test_a_topic_may_have_its_own_codec(server, connection, topic, kept):
    connection.create_topic(topic, compression_type=kept)
    for codec in client.codecs:
        records = [Record(b"value %d" % number * 20, b"key", (("name", b"header"),)) for number in range(20)]
        client.produce(server.bootstrap, records, topic, codec)
    read = client.consume(server.bootstrap, topic, 100)
    assert content(read) == records * 5
    stored = connection.fetch({topic: {0: 0}}).partitions[topic, 0].records
    expected = {"uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[kept]
    while stored:
        assert stored[ATTRIBUTES + 1] & 7 == expected
        stored = stored[12 + struct.unpack_from(">i", stored, 8)[0] :]


# ---- producers that are idempotent ----


@pytest.fixture
def producer(server, connection, topic):
    """A new producer id, and a topic."""
    connection.create_topic(topic)
    # The first id may take a moment, as the server must fetch a block of them.
    for _ in range(50):
        connection.send(request(INIT_PRODUCER_ID, 1, string(None) + struct.pack(">i", 60_000)))
        reader = connection.response()
        _, error, number, epoch = (reader.number(kind) for kind in "ihqh")
        if error == 0:
            break
        time.sleep(0.1)
    assert error == 0 and epoch == 0
    return number


def send(connection, topic, producer, sequence, *values, epoch=0):
    return connection.produce(topic, records=batch(*values, producer=(producer, epoch, sequence)))


def test_ids_are_given_once(server, connection, producer):
    connection.send(request(INIT_PRODUCER_ID, 1, string(None) + struct.pack(">i", 60_000)) * 50)
    given = set()
    for _ in range(50):
        reader = connection.response()
        assert (reader.number("i"), reader.number("h")) == (0, 0)
        given.add(reader.number("q"))
    assert len(given | {producer}) == 51


def test_a_batch_sent_again_is_answered_as_before(connection, topic, producer):
    assert send(connection, topic, producer, 0, b"a", b"b") == (0, 0)
    assert send(connection, topic, producer, 2, b"c") == (0, 2)
    assert send(connection, topic, producer, 0, b"a", b"b") == (0, 0)
    assert send(connection, topic, producer, 2, b"c") == (0, 2)
    assert send(connection, topic, producer, 3, b"d") == (0, 3)


def test_five_batches_are_remembered(connection, topic, producer):
    for sequence in range(6):
        assert send(connection, topic, producer, sequence, b"x") == (0, sequence)
    for sequence in range(1, 6):
        assert send(connection, topic, producer, sequence, b"x") == (0, sequence)
    assert send(connection, topic, producer, 0, b"x")[0] in (45, 46)
    assert connection.produce(topic, b"end") == (0, 6)


def test_a_gap_is_an_error(connection, topic, producer):
    assert send(connection, topic, producer, 0, b"a") == (0, 0)
    assert send(connection, topic, producer, 2, b"c") == (OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert send(connection, topic, producer, 1, b"b") == (0, 1)


def test_a_new_epoch_starts_at_0_and_shuts_the_old_one_out(connection, topic, producer):
    assert send(connection, topic, producer, 0, b"a") == (0, 0)
    assert send(connection, topic, producer, 5, b"b", epoch=1)[0] == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(connection, topic, producer, 0, b"b", epoch=1) == (0, 1)
    assert send(connection, topic, producer, 1, b"c", epoch=0)[0] == INVALID_PRODUCER_EPOCH


def test_a_producer_that_nobody_knows_may_start_anywhere(connection, topic, producer):
    assert send(connection, topic, producer + 1_000_000, 77, b"a") == (0, 0)
    assert send(connection, topic, producer + 1_000_000, 78, b"b") == (0, 1)


def test_sequences_wrap(connection, topic, producer):
    last = 2**31 - 1
    assert send(connection, topic, producer + 1_000_001, last - 1, b"a", b"b") == (0, 0)
    assert send(connection, topic, producer + 1_000_001, 0, b"c") == (0, 2)
    assert send(connection, topic, producer + 1_000_001, last - 1, b"a", b"b") == (0, 0)


def test_pipelined_batches_of_a_producer(connection, topic, producer):
    """Five on their way at once; the third is wrong, so the later two have a gap before them."""
    sequences = [0, 1, 7, 8, 9]
    for sequence in sequences:
        connection.send(produce_request(topic, batch(b"x", producer=(producer, 0, sequence))))
    assert [connection.produced()[0] for _ in sequences] == [0, 0, 45, 45, 45]
    assert send(connection, topic, producer, 2, b"x") == (0, 2)


# ---- where things are ----


def test_list_offsets(connection, topic):
    connection.create_topic(topic)
    for number in range(4):
        connection.produce(topic, records=batch(b"a", b"b", timestamp=1_700_000_000_000 + 1000 * number))

    def ask(*partitions: tuple[int, int]) -> list[tuple[int, int, int]]:
        asked = array(*(struct.pack(">iiq", index, -1, timestamp) for index, timestamp in partitions))
        connection.send(request(LIST_OFFSETS, 5, struct.pack(">ib", -1, 0) + array(string(topic) + asked)))
        reader = connection.response()
        reader.number("i")
        [(_, answers)] = reader.array(
            lambda r: (
                r.string(),
                r.array(lambda p: (p.number("i"), p.number("h"), p.number("q"), p.number("q"), p.number("i"))),
            )
        )
        return [(error, time_found, found) for _, error, time_found, found, _ in answers]

    def offset(timestamp: int) -> tuple[int, int, int]:
        return ask((0, timestamp))[0]

    assert offset(-1) == (0, -1, 8)
    assert offset(-2) == (0, -1, 0)
    assert offset(0) == (0, 1_700_000_000_000, 0)
    assert offset(1_700_000_000_001) == (0, 1_700_000_001_000, 2)
    assert offset(1_700_000_003_000) == (0, 1_700_000_003_000, 6)
    assert offset(1_700_000_003_001) == (0, -1, -1)
    # Kafka refuses what is asked twice, in the same way for the ends.
    assert ask((0, 0), (9, 0), (0, -1)) == [(42, -1, -1), (3, -1, -1), (42, -1, -1)]
