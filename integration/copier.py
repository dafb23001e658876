"""Consume, transform, produce, exactly once: copies numbers from all partitions of one topic to another, a few in each
transaction together with the offsets of what was read. Runs until it is killed.

usage: python -m copier BOOTSTRAP SOURCE TARGET"""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

bootstrap, source, target = sys.argv[1:]
BATCH = 10


def open_both() -> tuple[Consumer, Producer]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"copier-{source}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 2000,
            "heartbeat.interval.ms": 300,
        }
    )
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"copier-{source}", "linger.ms": 1})
    producer.init_transactions(30)
    consumer.subscribe([source])
    return consumer, producer


def copy_some(consumer: Consumer, producer: Producer) -> None:
    messages = [message for message in consumer.consume(BATCH, 0.5) if not message.error()]
    if not messages:
        return
    offsets: dict[int, int] = {}
    producer.begin_transaction()
    for message in messages:
        producer.produce(target, message.value())
        offsets[message.partition()] = message.offset() + 1
    positions = [TopicPartition(source, partition, offset) for partition, offset in offsets.items()]
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
    producer.commit_transaction(30)
    time.sleep(0.02)


def main() -> None:
    """What fails, fails as a whole: everything is opened anew, and read again from where the group stands."""
    while True:
        consumer = None
        try:
            consumer, producer = open_both()
            while True:
                copy_some(consumer, producer)
        except KafkaException as failure:
            print(failure, file=sys.stderr, flush=True)
            if consumer is not None:
                consumer.close()
            time.sleep(0.1)


main()
