"""Members of a consumer group, each in a thread of its own: what they were assigned, what they read."""

import asyncio
import threading
import time

import aiokafka
import confluent_kafka
import kafka


class Member:
    """Reads until it is told to leave, or to vanish without a word. Commits what it has read when it leaves."""

    name = ""

    def __init__(self, bootstrap: str, group: str, topic: str, **config):
        self.bootstrap, self.group, self.topic, self.config = bootstrap, group, topic, config
        self.values: list[bytes] = []
        self.assigned: set[int] = set()
        self.rebalances = 0
        self.failure: BaseException | None = None
        self.ends = threading.Event()
        self.vanishes = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.read()
        except BaseException as failure:  # noqa: BLE001: told to the test by leave()
            self.failure = failure

    def read(self) -> None:
        raise NotImplementedError

    def note_assigned(self, partitions) -> None:
        self.rebalances += 1
        self.assigned = set(partitions)

    def leave(self) -> list[bytes]:
        self.ends.set()
        self.thread.join(30)
        assert not self.thread.is_alive(), f"{self.name} does not end"
        if self.failure is not None:
            raise self.failure
        return self.values

    def vanish(self) -> list[bytes]:
        self.vanishes = True
        return self.leave()


class ConfluentMember(Member):
    name = "confluent"

    def read(self):
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 300,
                **self.config,
            }
        )
        consumer.subscribe([self.topic], on_assign=self.on_assign, on_revoke=self.on_revoke)
        while not self.ends.is_set():
            message = consumer.poll(0.05)
            if message is not None and not message.error():
                self.values.append(message.value())
        if self.vanishes:
            return
        if self.values:
            consumer.commit(asynchronous=False)
        consumer.close()

    def on_assign(self, consumer, partitions):
        cooperative = consumer is not None and self.config.get("partition.assignment.strategy") == "cooperative-sticky"
        found = {partition.partition for partition in partitions}
        self.note_assigned(self.assigned | found if cooperative else found)

    def on_revoke(self, consumer, partitions):
        self.assigned -= {partition.partition for partition in partitions}


class KafkaPythonMember(Member):
    name = "kafka-python"

    def read(self):
        consumer = kafka.KafkaConsumer(
            self.topic,
            bootstrap_servers=self.bootstrap,
            group_id=self.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=300,
            **self.config,
        )
        while not self.ends.is_set():
            for records in consumer.poll(100).values():
                self.values += [record.value for record in records]
            assigned = {partition.partition for partition in consumer.assignment()}
            if assigned != self.assigned:
                self.note_assigned(assigned)
        if self.values:
            consumer.commit()
        consumer.close(autocommit=False)


class AiokafkaMember(Member):
    name = "aiokafka"

    def read(self):
        asyncio.run(self.read_async())

    async def read_async(self):
        consumer = aiokafka.AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=self.bootstrap,
            group_id=self.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=300,
            **self.config,
        )
        await consumer.start()
        while not self.ends.is_set():
            for records in (await consumer.getmany(timeout_ms=100)).values():
                self.values += [record.value for record in records]
            assigned = {partition.partition for partition in consumer.assignment()}
            if assigned != self.assigned:
                self.note_assigned(assigned)
        if self.values:
            await consumer.commit()
        await consumer.stop()


MEMBERS = [ConfluentMember, KafkaPythonMember, AiokafkaMember]


def wait_for(condition, seconds: float = 20.0, what: str = "it") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.02)
