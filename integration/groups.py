"""What the tests of consumer groups share: topics that are filled, offsets that are committed, partitions that are
shared."""

import threading

from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka.admin import AdminClient

from clients import Record
from clients.confluent import Confluent
from members import Member

PARTITIONS = 4

client = Confluent()


def fill(server, topic: str, start: int, count: int) -> list[bytes]:
    values = [b"%d" % number for number in range(start, start + count)]
    for partition in range(PARTITIONS):
        mine = [Record(value, partition=partition) for value in values[partition::PARTITIONS]]
        client.produce(server.bootstrap, mine, topic)
    return values


def by_number(values) -> list[bytes]:
    return sorted(values, key=int)


def committed(server, group: str, topic: str) -> dict[int, int]:
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(15)
    return {part.partition: part.offset for part in found.topic_partitions if part.topic == topic}


def in_all_partitions(offset: int) -> dict[int, int]:
    return dict.fromkeys(range(PARTITIONS), offset)


def has_all(members, values):
    return lambda: sum(len(member.values) for member in members) >= len(values)


def owns_all(member: Member):
    return lambda: len(member.assigned) == PARTITIONS


def shared(*members: Member):
    """The members own all partitions, and none of them two."""
    owned = lambda: sorted(partition for member in members for partition in member.assigned)  # noqa: E731
    return lambda: owned() == list(range(PARTITIONS)) and all(member.assigned for member in members)


class Writing:
    """Writes numbers to all partitions for as long as it lasts."""

    def __init__(self, server, topic: str):
        self.server, self.topic = server, topic
        self.values: list[bytes] = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        producer = Producer({"bootstrap.servers": self.server.bootstrap, "acks": "all", "linger.ms": 5})
        while not self.ends.wait(0.01):
            for partition in range(PARTITIONS):
                self.values.append(b"%d" % len(self.values))
                producer.produce(self.topic, self.values[-1], partition=partition)
        assert producer.flush(20) == 0

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join(30)
