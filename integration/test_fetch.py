"""Fetch, to the byte and the millisecond: long polls, limits, sessions."""

import struct
import threading
import time

import pytest

from wire import Connection, batch, fetch_request, produce_request

OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC, NOT_LEADER, SESSION_NOT_FOUND, BAD_SESSION_EPOCH = 1, 3, 6, 70, 71


@pytest.fixture
def connection(server):
    with Connection(server.bootstrap) as connection:
        yield connection


@pytest.fixture
def other(server):
    with Connection(server.bootstrap) as connection:
        yield connection


def base_offsets(records: bytes) -> list[int]:
    """Of the whole batches in a response."""
    offsets = []
    while len(records) >= 12:
        base, size = struct.unpack_from(">qi", records)
        if len(records) < 12 + size:
            break
        offsets.append(base)
        records = records[12 + size :]
    return offsets


def test_a_waiting_reader_gets_a_new_record_at_once(connection, other, topic):
    connection.create_topic(topic)
    delays = []
    for offset in range(20):
        written = []

        def write():
            time.sleep(0.02)
            written.append(time.monotonic())
            assert other.produce(topic, b"new", acks=1) == (0, offset)

        writer = threading.Thread(target=write)
        writer.start()
        answer = connection.fetch({topic: {0: offset}}, max_wait=5000)
        delays.append(time.monotonic() - written[0])
        writer.join()
        assert base_offsets(answer.partitions[topic, 0].records) == [offset]
    assert sorted(delays)[10] < 0.02, delays


def test_an_empty_fetch_waits_as_long_as_it_is_told(connection, topic):
    connection.create_topic(topic)
    for wait in (0, 100, 700):
        before = time.monotonic()
        answer = connection.fetch({topic: {0: 0}}, max_wait=wait)
        took = (time.monotonic() - before) * 1000
        assert wait - 5 <= took < wait + 150
        assert answer.partitions[topic, 0].records == b""


def test_a_fetch_waits_for_its_least_number_of_bytes(connection, other, topic):
    connection.create_topic(topic)
    answers = []
    reader = threading.Thread(
        target=lambda: answers.append(connection.fetch({topic: {0: 0}}, max_wait=5000, min_bytes=3000))
    )
    reader.start()
    for number in range(3):
        time.sleep(0.1)
        assert not answers
        other.produce(topic, b"x" * 1000)
    reader.join()
    assert base_offsets(answers[0].partitions[topic, 0].records) == [0, 1, 2]


def test_limits_cut_but_never_to_nothing(connection, topic):
    connection.create_topic(topic)
    for _ in range(10):
        connection.produce(topic, b"x" * 10_000)
    one = base_offsets(connection.fetch({topic: {0: 0}}, max_bytes=1).partitions[topic, 0].records)
    assert one == [0]
    assert base_offsets(connection.fetch({topic: {0: 3}}, partition_bytes=1).partitions[topic, 0].records) == [3]
    some = connection.fetch({topic: {0: 0}}, partition_bytes=35_000).partitions[topic, 0].records
    assert base_offsets(some) == [0, 1, 2]


def test_only_the_first_partition_is_served_beyond_the_limit(connection, topic):
    connection.create_topic(topic, partitions=3)
    for partition in range(3):
        connection.send(produce_request(topic, batch(b"x" * 10_000), partition=partition))
        connection.produced()
    answer = connection.fetch({topic: {0: 0, 1: 0, 2: 0}}, max_bytes=1)
    sizes = sorted(len(base_offsets(fetched.records)) for fetched in answer.partitions.values())
    assert sizes == [0, 0, 1]


def test_an_offset_inside_a_batch_gives_the_whole_batch(connection, topic):
    connection.create_topic(topic)
    connection.produce(topic, b"0", b"1", b"2")
    connection.produce(topic, b"3", b"4")
    for offset, batches in ((0, [0, 3]), (1, [0, 3]), (2, [0, 3]), (3, [3]), (4, [3])):
        assert base_offsets(connection.fetch({topic: {0: offset}}).partitions[topic, 0].records) == batches


def test_errors_are_answered_at_once(connection, topic):
    connection.create_topic(topic)
    connection.produce(topic, b"0")
    before = time.monotonic()
    for offset in (2, 1000, -5):
        assert connection.fetch({topic: {0: offset}}, max_wait=5000).partitions[topic, 0].error == OFFSET_OUT_OF_RANGE
    assert connection.fetch({topic: {7: 0}}, max_wait=5000).partitions[topic, 7].error == UNKNOWN_TOPIC
    assert (
        connection.fetch({"no-such-topic": {0: 0}}, max_wait=5000).partitions["no-such-topic", 0].error == UNKNOWN_TOPIC
    )
    assert time.monotonic() - before < 2


def test_a_deleted_topic_ends_the_wait(server, connection, other, topic):
    connection.create_topic(topic)
    connection.send(fetch_request({topic: {0: 0}}, max_wait=20_000))
    time.sleep(0.1)
    before = time.monotonic()
    other.delete_topic(topic)
    assert connection.fetched().partitions[topic, 0].error in (UNKNOWN_TOPIC, NOT_LEADER)
    assert time.monotonic() - before < 5


def test_a_topic_may_be_deleted_while_its_records_are_sent(server, connection, other, topic):
    """What was asked for before is sent to its end, or the connection ends; either way the server goes on."""
    connection.create_topic(topic)
    for _ in range(12):
        connection.produce(topic, b"x" * 900_000)
    connection.send(fetch_request({topic: {0: 0}}, partition_bytes=20 << 20))
    time.sleep(0.1)
    other.delete_topic(topic)
    try:
        assert len(base_offsets(connection.fetched().partitions[topic, 0].records)) in (0, 12)
    except ConnectionError:
        pass
    other.create_topic(topic + "-next")
    assert other.produce(topic + "-next", b"x") == (0, 0)


def test_a_session_answers_with_what_is_new(connection, topic):
    connection.create_topic(topic, partitions=2)
    full = connection.fetch({topic: {0: 0, 1: 0}}, session=0, epoch=0, max_wait=0)
    assert set(full.partitions) == {(topic, 0), (topic, 1)}
    if full.session == 0:
        return  # A server may have no session to give; clients then ask in full each time.
    # Apache Kafka tells here once more what it told before, if the topic is very young.
    assert not any(
        told.records for told in connection.fetch({}, session=full.session, epoch=1, max_wait=0).partitions.values()
    )
    connection.produce(topic, b"new")
    again = connection.fetch({}, session=full.session, epoch=2, max_wait=0)
    assert (again.session, list(again.partitions)) == (full.session, [(topic, 0)])
    # The partition is asked from a later offset now; the other stays as it was.
    assert connection.fetch({topic: {0: 1}}, session=full.session, epoch=3, max_wait=0).partitions == {}
    # A session wakes up for its partitions as a full fetch does.
    connection.produce(topic, b"newer")
    assert list(connection.fetch({}, session=full.session, epoch=4, max_wait=5000).partitions) == [(topic, 0)]


def test_wrong_sessions_are_errors(connection, topic):
    connection.create_topic(topic)
    assert connection.fetch({}, session=123456, epoch=5, max_wait=0).error == SESSION_NOT_FOUND
    session = connection.fetch({topic: {0: 0}}, session=0, epoch=0, max_wait=0).session
    if session:
        assert connection.fetch({}, session=session, epoch=7, max_wait=0).error == BAD_SESSION_EPOCH


def test_a_request_behind_a_waiting_fetch_is_answered(connection, topic):
    """Java's consumer closes its session while a fetch still waits."""
    connection.create_topic(topic)
    session = connection.fetch({topic: {0: 0}}, session=0, epoch=0, max_wait=0).session
    connection.send(fetch_request({}, session=session, epoch=1, max_wait=300, correlation=7))
    time.sleep(0.1)
    connection.send(fetch_request({}, session=session, epoch=-1, max_wait=300, correlation=8))
    assert connection.fetched(7).error == 0
    before = time.monotonic()
    assert connection.fetched(8).error == 0
    assert time.monotonic() - before < 0.1
