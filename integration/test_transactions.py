"""Transactions, with clients as people use them; kafka-transactions is in test_transaction_tools.py."""

import subprocess
import sys
import time

import confluent_kafka
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from clients import Record
from clients.confluent import Confluent
from installed import TREE
from members import wait_for
from servers import die_with_parent
from transactional import TRANSACTORS, Transaction

client = Confluent()


def read(server, topic: str, isolation: str, partitions: int = 1) -> list[list[str]]:
    """All that this isolation level sees, by partition."""
    found: list[list[str]] = [[] for _ in range(partitions)]
    consumer = Consumer(
        {
            "bootstrap.servers": server.bootstrap,
            "group.id": "nobody",
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    ended = set()
    deadline = time.monotonic() + 20
    while len(ended) < partitions:
        assert time.monotonic() < deadline, f"no end of {topic}"
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            found[message.partition()].append(message.value().decode())
    consumer.close()
    return found


def committed(server, group: str, topic: str, partition: int = 0) -> int:
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})
    offset = consumer.committed([TopicPartition(topic, partition)], 20)[0].offset
    consumer.close()
    return offset


def transactional(server, id: str, **config) -> Producer:
    producer = Producer({"bootstrap.servers": server.bootstrap, "transactional.id": id, "linger.ms": 5, **config})
    producer.init_transactions(20)
    return producer


@pytest.mark.parametrize("name", TRANSACTORS)
def test_what_is_committed_is_seen_and_what_is_aborted_is_not(server, topic, name):
    client.create_topic(server.bootstrap, topic, 2)
    group = f"group-{topic}"
    transactions = [
        Transaction([(number % 2, f"{number}-{i}") for i in range(10)], number % 3 != 1, {0: number + 1})
        for number in range(8)
    ]
    TRANSACTORS[name](server.bootstrap, f"id-{topic}", topic, group, transactions)
    everything = [value for one in transactions for value in one.values]
    kept = [value for one in transactions if one.commit for value in one.values]
    for isolation, wanted in (("read_uncommitted", everything), ("read_committed", kept)):
        by_partition = [[text for partition, text in wanted if partition == index] for index in (0, 1)]
        assert read(server, topic, isolation, 2) == by_partition
    assert committed(server, group, topic) == 7  # the eighth was aborted


def test_nothing_is_seen_before_the_end(server, topic):
    client.create_topic(server.bootstrap, topic)
    producer = transactional(server, f"id-{topic}")
    producer.begin_transaction()
    producer.produce(topic, b"first")
    producer.flush(20)
    client.produce(server.bootstrap, [Record(b"outside")], topic)
    assert read(server, topic, "read_committed") == [[]]
    assert read(server, topic, "read_uncommitted") == [["first", "outside"]]
    producer.commit_transaction(20)
    assert read(server, topic, "read_committed") == [["first", "outside"]]


def test_a_second_producer_of_the_id_fences_the_first(server, topic):
    client.create_topic(server.bootstrap, topic)
    first = transactional(server, f"id-{topic}")
    first.begin_transaction()
    first.produce(topic, b"of the first")
    first.flush(20)
    second = transactional(server, f"id-{topic}")
    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(20)
    assert fenced.value.args[0].code() in (
        confluent_kafka.KafkaError._FENCED,
        confluent_kafka.KafkaError.INVALID_PRODUCER_EPOCH,
    )
    second.begin_transaction()
    second.produce(topic, b"of the second")
    second.commit_transaction(20)
    assert read(server, topic, "read_committed") == [["of the second"]]


def test_a_transaction_that_outlives_its_timeout_is_aborted(server, topic):
    client.create_topic(server.bootstrap, topic)
    producer = transactional(server, f"id-{topic}", **{"transaction.timeout.ms": 1000})
    producer.begin_transaction()
    producer.produce(topic, b"too slow")
    producer.flush(20)
    client.produce(server.bootstrap, [Record(b"after")], topic)
    wait_for(lambda: read(server, topic, "read_committed") == [["after"]], 20, "the abort")
    with pytest.raises(KafkaException):
        producer.commit_transaction(20)


def test_what_was_decided_holds_after_a_crash(servers, topic):
    server = servers.start()
    client.create_topic(server.bootstrap, topic)
    done, open_one = transactional(server, "done"), transactional(server, "open")
    for number in range(5):
        done.begin_transaction()
        done.produce(topic, f"done-{number}".encode())
        done.commit_transaction(20)
    open_one.begin_transaction()
    open_one.produce(topic, b"open")
    open_one.flush(20)
    server.kill()
    server.start()
    assert read(server, topic, "read_committed") == [[f"done-{number}" for number in range(5)]]
    open_one.produce(topic, b"still open")
    open_one.commit_transaction(20)
    wanted = [f"done-{number}" for number in range(5)] + ["open", "still open"]
    assert read(server, topic, "read_committed") == [wanted]


# ---- exactly once

COUNT = 600


def start_copier(server, source: str, target: str) -> subprocess.Popen:
    """integration/copier.py"""
    command = [sys.executable, "-m", "copier", server.bootstrap, source, target]
    return subprocess.Popen(command, cwd=TREE / "integration", preexec_fn=die_with_parent)


def copied(server, target: str) -> list[int]:
    return [int(text) for text in read(server, target, "read_committed")[0]]


@pytest.mark.timeout(150)
def test_consume_transform_produce_is_exactly_once_whoever_is_killed(servers, topic):
    server = servers.start({"group.min.session.timeout.ms": "1000", "log.flush.interval.ms": "100"})
    target = f"{topic}-target"
    client.create_topic(server.bootstrap, topic, 2)
    client.create_topic(server.bootstrap, target)
    producer = Producer({"bootstrap.servers": server.bootstrap, "enable.idempotence": True})
    for number in range(COUNT):
        producer.produce(topic, b"%d" % number, partition=number % 2)
    producer.flush(20)
    copier = start_copier(server, topic, target)
    try:
        for step in (COUNT // 5, 2 * COUNT // 5, 3 * COUNT // 5, 4 * COUNT // 5):
            wait_for(lambda step=step: len(copied(server, target)) >= step, 60, f"{step} numbers")
            if step == COUNT // 5 or step == 3 * COUNT // 5:
                server.kill()
                server.start()
            else:
                copier.kill()
                copier.wait()
                copier = start_copier(server, topic, target)
        wait_for(lambda: len(copied(server, target)) >= COUNT, 60, "all numbers")
    finally:
        copier.kill()
        copier.wait()
    assert sorted(copied(server, target)) == list(range(COUNT))


# ---- tools


def test_kafka_producer_performance_writes_in_transactions(server, topic, kafka_tools):
    client.create_topic(server.bootstrap, topic)
    kafka_tools.run(
        "org.apache.kafka.tools.ProducerPerformance",
        *("--topic", topic, "--num-records", "1000", "--record-size", "20", "--throughput", "-1"),
        *("--transactional-id", f"perf-{topic}", "--transaction-duration-ms", "50"),
        *("--producer-props", f"bootstrap.servers={server.bootstrap}"),
    )
    assert len(read(server, topic, "read_committed")[0]) == 1000


def test_an_admin_reads_what_is_final(server, topic):
    """OffsetFetch with require_stable waits for the end; without, the last one that holds is told."""
    client.create_topic(server.bootstrap, topic)
    group = f"group-{topic}"
    producer = transactional(server, f"id-{topic}")
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})
    producer.begin_transaction()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 7)], consumer.consumer_group_metadata(), 20)
    with pytest.raises(KafkaException) as unstable:
        stable = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})
        stable.committed([TopicPartition(topic, 0)], 2)
    assert unstable.value.args[0].code() == confluent_kafka.KafkaError._TIMED_OUT
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    wanted = [confluent_kafka.ConsumerGroupTopicPartitions(group)]
    found = admin.list_consumer_group_offsets(wanted, require_stable=False)[group].result(10)
    assert [part.offset for part in found.topic_partitions if part.topic == topic] in ([], [-1001])
    producer.commit_transaction(20)
    assert committed(server, group, topic) == 7
