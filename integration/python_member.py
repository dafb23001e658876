"""A member of a consumer group in a process of its own, with one of the Python clients, as members.py wants it."""

import asyncio
import json
import select
import sys

import aiokafka
import confluent_kafka
import kafka


def say(**line) -> None:
    print(json.dumps(line), flush=True)


def is_told_to_leave() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def say_assigned(partitions) -> None:
    say(assigned=sorted(partitions))


def say_values(values) -> bool:
    if values:
        say(values=[value.decode() for value in values])
    return bool(values)


def run_confluent(told) -> None:
    config = {
        "bootstrap.servers": told["bootstrap"],
        "group.id": told["group"],
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    if told["config"].get("group.protocol") != "consumer":
        config |= {"session.timeout.ms": told["session"], "heartbeat.interval.ms": told["heartbeat"]}
    if told["instance"]:
        config["group.instance.id"] = told["instance"]
    config |= told["config"]
    consumer = confluent_kafka.Consumer(config)
    assigned, said = set(), set()
    is_incremental = (
        config.get("partition.assignment.strategy") == "cooperative-sticky" or config.get("group.protocol") == "consumer"
    )

    def on_assign(_, partitions):
        found = {partition.partition for partition in partitions}
        if is_incremental:
            found |= assigned
        assigned.clear()
        assigned.update(found)
        say_assigned(found)
        said.clear()
        said.update(found)

    def on_revoke(_, partitions):
        assigned.difference_update(partition.partition for partition in partitions)

    consumer.subscribe([told["topic"]], on_assign=on_assign, on_revoke=on_revoke)
    has_read = False
    while not is_told_to_leave():
        messages = consumer.consume(500, 0.05)
        has_read |= say_values([message.value() for message in messages if not message.error()])
        for message in messages:
            if message.error():
                say(error=message.error().name())
        if assigned != said:
            say_assigned(assigned)
            said = set(assigned)
    if has_read:
        commit(consumer)
    consumer.close()


def commit(consumer: confluent_kafka.Consumer) -> None:
    """What it has read, as far as it was not taken away meanwhile."""
    try:
        consumer.commit(asynchronous=False)
    except confluent_kafka.KafkaException as error:
        if error.args[0].code() != confluent_kafka.KafkaError._NO_OFFSET:
            raise


def pythonic(told) -> dict:
    """The settings of kafka-python and aiokafka."""
    config = {
        "bootstrap_servers": told["bootstrap"],
        "group_id": told["group"],
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "session_timeout_ms": told["session"],
        "heartbeat_interval_ms": told["heartbeat"],
    }
    if told["instance"]:
        config["group_instance_id"] = told["instance"]
    return config | told["config"]


def run_kafka_python(told) -> None:
    consumer = kafka.KafkaConsumer(told["topic"], **pythonic(told))
    assigned, has_read = set(), False
    while not is_told_to_leave():
        # Long: a poll that ends within a rebalance leaves kafka-python 3.0.12 where it never completes it.
        for records in consumer.poll(1000).values():
            has_read |= say_values([record.value for record in records])
        found = {partition.partition for partition in consumer.assignment()}
        if found != assigned:
            say_assigned(assigned := found)
    if has_read:
        consumer.commit()
    consumer.close(autocommit=False)


async def run_aiokafka(told) -> None:
    consumer = aiokafka.AIOKafkaConsumer(told["topic"], **pythonic(told))
    await consumer.start()
    assigned, has_read = set(), False
    while not is_told_to_leave():
        for records in (await consumer.getmany(timeout_ms=50)).values():
            has_read |= say_values([record.value for record in records])
        found = {partition.partition for partition in consumer.assignment()}
        if found != assigned:
            say_assigned(assigned := found)
    if has_read:
        await consumer.commit()
    await consumer.stop()


if __name__ == "__main__":
    library, told = sys.argv[1], json.loads(sys.argv[2])
    if library == "confluent":
        run_confluent(told)
    elif library == "kafka-python":
        run_kafka_python(told)
    else:
        asyncio.run(run_aiokafka(told))
