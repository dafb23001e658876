"""aiokafka, the newest: asyncio, in a loop of its own in a thread, so that tests stay plain functions."""

import asyncio
import threading
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from clients import BEGINNING, END, At, Client, ClientError, Record, Tail


class AioTail(Tail):
    def __init__(self, client: "AioKafka", consumer: AIOKafkaConsumer):
        self.client = client
        self.consumer = consumer

    def take(self, count):
        return self.client.run(self.client.take(self.consumer, count), 40)


class AioKafka(Client):
    name = "aiokafka"
    unknown_topic = ("UnknownTopicOrPartitionError", "KafkaTimeoutError")
    too_large = ("MessageSizeTooLargeError",)
    invalid_name = ("InvalidTopicError",)

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)

    def run(self, coroutine, seconds=20.0):
        async def named():
            try:
                return await asyncio.wait_for(coroutine, seconds)
            except KafkaError as error:
                raise ClientError(type(error).__name__) from None

        return asyncio.run_coroutine_threadsafe(named(), self.loop).result(seconds + 5)

    def create_topic(self, bootstrap, topic, partitions=1, config=None):
        async def create():
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
            await admin.start()
            try:
                return await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])
            finally:
                await admin.close()

        response = self.run(create())
        for _, code, *_ in response.topic_errors:
            if code:
                raise ClientError(for_code(code).__name__)

    def produce(self, bootstrap, records, topic, codec="none", acks="all", idempotent=False):
        async def produce():
            producer = AIOKafkaProducer(
                bootstrap_servers=bootstrap,
                compression_type=None if codec == "none" else codec,
                acks=acks if acks == "all" else int(acks),
                enable_idempotence=idempotent,
                linger_ms=5,
                max_request_size=8 << 20,
                request_timeout_ms=5000,
            )
            await producer.start()
            try:
                sent = [
                    await producer.send(
                        topic, record.value, record.key, record.partition, record.timestamp, list(record.headers)
                    )
                    for record in records
                ]
                delivered = [await future for future in sent]
                return None if acks == "0" else [record.offset for record in delivered]
            finally:
                await producer.stop()

        return self.run(produce())

    async def consumer(self, bootstrap, topic, partition, start) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="none", check_crcs=True
        )
        await consumer.start()
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        if isinstance(start, At):
            start = (await consumer.offsets_for_times({place: start.timestamp}))[place].offset
        if start == BEGINNING:
            await consumer.seek_to_beginning(place)
        elif start == END:
            await consumer.seek_to_end(place)
        else:
            consumer.seek(place, start)
        return consumer

    async def take(self, consumer, count) -> list[Record]:
        records: list[Record] = []
        while len(records) < count:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += [
                    Record(read.value, read.key, tuple(read.headers), read.timestamp, read.partition, read.offset)
                    for read in batch
                ]
        return records

    def consume(self, bootstrap, topic, count, partition=0, start=BEGINNING):
        async def consume():
            consumer = await self.consumer(bootstrap, topic, partition, start)
            try:
                return await self.take(consumer, count)
            finally:
                await consumer.stop()

        return self.run(consume())

    @contextmanager
    def tail(self, bootstrap, topic, partition=0):
        consumer = self.run(self.consumer(bootstrap, topic, partition, END))
        try:
            yield AioTail(self, consumer)
        finally:
            # It may be in the middle of looking for a server that has gone.
            with suppress(CancelledError):
                self.run(consumer.stop())
