"""Transactional producers, one function for each client: `transact` runs one transaction after the other under one
transactional id."""

import asyncio
import json
import os
import subprocess
from dataclasses import dataclass, field

import confluent_kafka
import kafka
from aiokafka import AIOKafkaProducer
from aiokafka import TopicPartition as AioPartition
from kafka.structs import OffsetAndMetadata

from clients.driver import FranzGo, Java
from installed import GO_DRIVER, NODE, NODE_MODULES, TREE


@dataclass
class Transaction:
    """Values for a topic's partitions, and the offsets of the same topic that a group commits with them."""

    values: list[tuple[int, str]]
    commit: bool = True
    offsets: dict[int, int] = field(default_factory=dict)


def confluent(bootstrap: str, id: str, topic: str, group: str, transactions: list[Transaction]) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "transactional.id": id, "linger.ms": 5})
    # A consumer is asked for what its group's members know; this one is no member.
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    producer.init_transactions(20)
    for transaction in transactions:
        producer.begin_transaction()
        for partition, value in transaction.values:
            producer.produce(topic, value.encode(), partition=partition)
        if transaction.offsets:
            offsets = [confluent_kafka.TopicPartition(topic, *pair) for pair in transaction.offsets.items()]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 20)
        if transaction.commit:
            producer.commit_transaction(20)
        else:
            producer.flush(20)
            producer.abort_transaction(20)
    consumer.close()


def kafka_python(bootstrap: str, id: str, topic: str, group: str, transactions: list[Transaction]) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, transactional_id=id, linger_ms=5)
    producer.init_transactions()
    for transaction in transactions:
        producer.begin_transaction()
        for partition, value in transaction.values:
            producer.send(topic, value.encode(), partition=partition)
        if transaction.offsets:
            offsets = {
                kafka.TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
                for partition, offset in transaction.offsets.items()
            }
            producer.send_offsets_to_transaction(offsets, group)
        if transaction.commit:
            producer.commit_transaction()
        else:
            producer.flush()
            producer.abort_transaction()
    producer.close()


def aiokafka(bootstrap: str, id: str, topic: str, group: str, transactions: list[Transaction]) -> None:
    async def run():
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=id, linger_ms=5)
        await producer.start()
        try:
            for transaction in transactions:
                await producer.begin_transaction()
                for partition, value in transaction.values:
                    await producer.send(topic, value.encode(), partition=partition)
                if transaction.offsets:
                    offsets = {AioPartition(topic, part): offset for part, offset in transaction.offsets.items()}
                    await producer.send_offsets_to_transaction(offsets, group)
                if transaction.commit:
                    await producer.commit_transaction()
                else:
                    await producer.flush()
                    await producer.abort_transaction()
        finally:
            await producer.stop()

    asyncio.run(run())


def as_json(transactions: list[Transaction]) -> list[dict]:
    return [
        {"values": one.values, "offsets": {str(k): v for k, v in one.offsets.items()}, "commit": one.commit}
        for one in transactions
    ]


def driven(driver_class):
    def transact(bootstrap: str, id: str, topic: str, group: str, transactions: list[Transaction]) -> None:
        driver = driver_class()
        try:
            driver.call("transact", bootstrap, topic, id=id, group=group, transactions=as_json(transactions))
        finally:
            driver.close()

    return transact


def commanded(*command):
    """By a program that is told all in its last argument."""

    def transact(bootstrap: str, id: str, topic: str, group: str, transactions: list[Transaction]) -> None:
        told = {"bootstrap": bootstrap, "id": id, "topic": topic, "group": group}
        told["transactions"] = as_json(transactions)
        environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
        subprocess.run([*map(str, command), json.dumps(told)], env=environment, timeout=60, check=True)

    return transact


TRANSACTORS = {
    "confluent": confluent,
    "kafka-python": kafka_python,
    "aiokafka": aiokafka,
    "java": driven(Java),
    "franz-go": driven(FranzGo),
    "sarama": commanded(GO_DRIVER, "transact"),
    "kafkajs": commanded(NODE, TREE / "integration/node/transact.js"),
}
