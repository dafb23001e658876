"""kafka-python, the newest: pure Python, with threads of its own."""

import time
from contextlib import contextmanager

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from clients import BEGINNING, END, At, Client, ClientError, Record, Tail


def named(error: KafkaError) -> ClientError:
    return ClientError(type(error).__name__)


class KafkaPythonTail(Tail):
    def __init__(self, consumer: KafkaConsumer):
        self.consumer = consumer

    def take(self, count, seconds=15.0):
        records: list[Record] = []
        deadline = time.monotonic() + seconds
        while len(records) < count:
            if time.monotonic() > deadline:
                raise ClientError(f"only {len(records)} records in {seconds} s")
            for batch in self.consumer.poll(timeout_ms=200).values():
                records += [
                    Record(read.value, read.key, tuple(read.headers or ()), read.timestamp, read.partition, read.offset)
                    for read in batch
                ]
        return records


class KafkaPython(Client):
    name = "kafka-python"
    null_headers = False
    unknown_topic = ("KafkaTimeoutError",)
    too_large = ("MessageSizeTooLargeError",)
    invalid_name = ("InvalidTopicError",)

    def create_topic(self, bootstrap, topic, partitions=1, config=None):
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            admin.create_topics(
                {topic: {"num_partitions": partitions, "replication_factor": 1, "configs": config or {}}}
            )
        except KafkaError as error:
            raise named(error) from None
        finally:
            admin.close()

    def produce(self, bootstrap, records, topic, codec="none", acks="all", idempotent=False):
        producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            compression_type=None if codec == "none" else codec,
            acks=acks if acks == "all" else int(acks),
            enable_idempotence=idempotent,
            linger_ms=5,
            max_request_size=8 << 20,
            max_block_ms=3000,
            max_in_flight_requests_per_connection=5 if idempotent else 1,
        )
        try:
            sent = [
                producer.send(topic, record.value, record.key, list(record.headers), record.partition, record.timestamp)
                for record in records
            ]
            return [future.get(15).offset for future in sent]
        except KafkaError as error:
            raise named(error) from None
        finally:
            producer.close()

    @contextmanager
    def _consumer(self, bootstrap, topic, partition, start):
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="none", check_crcs=True)
        try:
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            if isinstance(start, At):
                start = consumer.offsets_for_times({place: start.timestamp})[place].offset
            if start == BEGINNING:
                consumer.seek_to_beginning(place)
            elif start == END:
                consumer.seek_to_end(place)
            else:
                consumer.seek(place, start)
            consumer.position(place)
            yield KafkaPythonTail(consumer)
        except KafkaError as error:
            raise named(error) from None
        finally:
            consumer.close()

    def consume(self, bootstrap, topic, count, partition=0, start=BEGINNING):
        with self._consumer(bootstrap, topic, partition, start) as tail:
            return tail.take(count)

    def tail(self, bootstrap, topic, partition=0):
        return self._consumer(bootstrap, topic, partition, END)
