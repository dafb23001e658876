"""confluent-kafka: the newest librdkafka."""

import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from clients import BEGINNING, END, At, Client, ClientError, Record, Tail


def to_record(message) -> Record:
    # An empty key is told from none, an empty value too; headers are None when there are none.
    return Record(
        message.value(),
        message.key(),
        tuple(message.headers() or ()),
        message.timestamp()[1],
        message.partition(),
        message.offset(),
    )


class ConfluentTail(Tail):
    def __init__(self, consumer: Consumer):
        self.consumer = consumer

    def take(self, count, seconds=15.0):
        records: list[Record] = []
        deadline = time.monotonic() + seconds
        while len(records) < count:
            message = self.consumer.poll(0.2)
            if message is None:
                if time.monotonic() > deadline:
                    raise ClientError(f"only {len(records)} records in {seconds} s")
            elif message.error():
                raise ClientError(message.error().name())
            else:
                records.append(to_record(message))
        return records


class Confluent(Client):
    name = "confluent"
    unknown_topic = ("_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART")
    too_large = ("MSG_SIZE_TOO_LARGE",)
    invalid_name = ("TOPIC_EXCEPTION",)

    def create_topic(self, bootstrap, topic, partitions=1, config=None):
        admin = AdminClient({"bootstrap.servers": bootstrap})
        try:
            admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})])[topic].result(15)
        except KafkaException as error:
            raise ClientError(error.args[0].name()) from None

    def broker_id(self, bootstrap: str) -> int:
        return AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=15).controller_id

    def topic_ids(self, bootstrap: str, *topics: str) -> list[str]:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        found = admin.describe_topics(TopicCollection(list(topics)))
        return [str(found[topic].result(15).topic_id) for topic in topics]

    def topics(self, bootstrap: str) -> set[str]:
        return set(AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=15).topics)

    def topic_config(self, bootstrap: str, topic: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        admin = AdminClient({"bootstrap.servers": bootstrap})
        return {key: entry.value for key, entry in admin.describe_configs([resource])[resource].result(15).items()}

    def change_topic_config(self, bootstrap: str, topic: str, values: dict[str, str]) -> None:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in values.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.incremental_alter_configs([resource])[resource].result(15)

    def producer(self, bootstrap: str, **settings) -> Producer:
        """The client's own, for who needs one that lasts; dots of the settings' names are written as underscores."""
        named = {name.replace("_", "."): value for name, value in settings.items()}
        return Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "retry.backoff.max.ms": 200, **named})

    def delete_topic(self, bootstrap: str, topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.delete_topics([topic])[topic].result(15)

    def produce(self, bootstrap, records, topic, codec="none", acks="all", idempotent=False):
        # Without idempotence, a retry keeps the order only if it is alone on its way.
        producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "compression.type": codec,
                "acks": acks,
                "linger.ms": 5,
                "enable.idempotence": idempotent,
                "max.in.flight": 5 if idempotent else 1,
                "message.max.bytes": 8 << 20,
                "topic.metadata.propagation.max.ms": 1000,
                "message.timeout.ms": 15000,
            }
        )
        offsets: list[int | None] = [None] * len(records)
        errors = []

        def delivered(number):
            def call(error, message):
                if error:
                    errors.append(error.name())
                else:
                    offsets[number] = message.offset()

            return call

        try:
            for number, record in enumerate(records):
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    record.partition,
                    delivered(number),
                    timestamp=record.timestamp or 0,
                    headers=list(record.headers),
                )
        except KafkaException as error:
            raise ClientError(error.args[0].name()) from None
        left = producer.flush(20)
        if errors or left:
            raise ClientError(errors[0] if errors else f"{left} records are still on their way")
        return offsets

    @contextmanager
    def count(self, bootstrap: str, topic: str, codec: str = "none", **settings):
        """Writes 0, 1, … to partition 0 with acks=all for as long as the context lasts, idempotently unless told
        otherwise. Gives a future of the acknowledged [number, offset] pairs."""
        producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "compression.type": codec,
                "acks": "all",
                "linger.ms": 5,
                "enable.idempotence": True,
                "retry.backoff.max.ms": 200,
                "reconnect.backoff.max.ms": 200,
                **settings,
            }
        )
        acknowledged = []
        enough = threading.Event()

        def delivered(error, message):
            if not error:
                acknowledged.append([int(message.value()), message.offset()])

        def write():
            number = 0
            while not enough.is_set():
                if len(producer) < 200:
                    producer.produce(topic, b"%d" % number, partition=0, on_delivery=delivered)
                    number += 1
                producer.poll(0 if len(producer) < 200 else 0.01)
            producer.flush(60)

        writer = threading.Thread(target=write)
        writer.start()
        pairs = Future()
        try:
            yield pairs
        finally:
            enough.set()
            writer.join(90)
            pairs.set_result(acknowledged)

    def _consumer(self, bootstrap, topic, partition, start) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "assigned",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "topic.metadata.propagation.max.ms": 0,
            }
        )
        if isinstance(start, At):
            [found] = consumer.offsets_for_times([TopicPartition(topic, partition, start.timestamp)], 15)
            start = found.offset
        elif isinstance(start, str):
            start = OFFSET_BEGINNING if start == BEGINNING else OFFSET_END
        consumer.assign([TopicPartition(topic, partition, start)])
        return consumer

    def consume(self, bootstrap, topic, count, partition=0, start=BEGINNING):
        consumer = self._consumer(bootstrap, topic, partition, start)
        try:
            return ConfluentTail(consumer).take(count)
        except KafkaException as error:
            raise ClientError(error.args[0].name()) from None
        finally:
            consumer.close()

    def end_offset(self, bootstrap: str, topic: str, partition: int = 0) -> int:
        consumer = self._consumer(bootstrap, topic, partition, BEGINNING)
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), 15)[1]
        finally:
            consumer.close()

    @contextmanager
    def tail(self, bootstrap, topic, partition=0):
        consumer = self._consumer(bootstrap, topic, partition, END)
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 15)
        consumer.assign([TopicPartition(topic, partition, high)])
        yield ConfluentTail(consumer)
        consumer.close()
