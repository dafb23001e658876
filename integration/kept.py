"""Data folders that are kept: one of each version of the data folder, as the furrowd of its time left it.

`integration/folders/version-N.tar.gz` is the folder of a stopped server, `version-N.json` what clients found in it.
They are made once, when the version rises, by the release that has it:

    ~/.cache/furrow/integration/venv/bin/python integration/kept.py build/release/bin/furrowd

and never changed after. An archive stays below 100 KB."""

import gzip
import hashlib
import io
import json
import random
import re
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from clients.confluent import Confluent
from installed import TREE
from servers import Furrowd, Server, free_port

FOLDERS = Path(__file__).resolve().parent / "folders"
NEVER = {"retention.ms": "-1", "segment.bytes": str(1 << 20)}
GROUP = "readers"

# Time passes: what is in the folder may not be forgotten for its age.
SETTINGS = {"offsets.retention.minutes": str(2**31 - 1), "log.cleaner.backoff.ms": "50", "auto.create.topics.enable": "false"}


def write(server: Server, topic: str, values: list[tuple[bytes | None, bytes | None]], **settings) -> None:
    producer = Producer({"bootstrap.servers": server.bootstrap, "acks": "all", "linger.ms": 2, **settings})
    for key, value in values:
        producer.produce(topic, value, key, 0, headers=[("from", b"kept"), ("none", None)])
    assert producer.flush(30) == 0


def read(server: Server, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    """All of partition 0: offset, key, value."""
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "look", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, begins(server, topic))])
    found = []
    while (message := consumer.poll(20)) is not None and not message.error():
        found.append((message.offset(), message.key(), message.value()))
    consumer.close()
    return found


def digest(records: list[tuple[int, bytes | None, bytes | None]]) -> str:
    return hashlib.sha256(repr(records).encode()).hexdigest()


def last_of_each_key(records: list[tuple[int, bytes | None, bytes | None]]) -> dict[str, int]:
    """What a compaction may not change: offset of each key's last record, without deleted keys."""
    last = {key.decode(): (offset, value) for offset, key, value in records}
    return {key: offset for key, (offset, value) in sorted(last.items()) if value is not None}


def committed(server: Server, topics: list[str]) -> dict[str, int]:
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": GROUP})
    places = consumer.committed([TopicPartition(topic, 0) for topic in topics], 20)
    consumer.close()
    return {place.topic: place.offset for place in places}


def begins(server: Server, topic: str) -> int:
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    place = TopicPartition(topic, 0)
    return admin.list_offsets({place: OffsetSpec.earliest()})[place].result(20).offset


def look(server: Server) -> dict:
    """What clients find in it, and what every later build has to find."""
    client = Confluent()
    topics = sorted(topic for topic in client.topics(server.bootstrap) if not topic.startswith("__"))
    found = {}
    for topic in topics:
        records = read(server, topic)
        config = client.topic_config(server.bootstrap, topic)
        found[topic] = {
            "end": client.end_offset(server.bootstrap, topic),
            "begin": begins(server, topic),
            "config": {key: config[key] for key in ("retention.ms", "segment.bytes", "cleanup.policy")},
        }
        if config["cleanup.policy"] == "compact":
            found[topic]["last"] = last_of_each_key(records)
        else:
            found[topic] |= {"records": len(records), "digest": digest(records)}
    ids = dict(zip(topics, client.topic_ids(server.bootstrap, *topics)))
    return {"topics": found, "ids": ids, "committed": committed(server, topics)}


def fill(server: Server) -> None:
    """Something of all that a data folder can hold. Values repeat, so that the archive is small."""
    client = Confluent()
    chance = random.Random(1)
    for codec in client.codecs:
        topic = f"codec-{codec}"
        client.create_topic(server.bootstrap, topic, config=NEVER)
        values = [(b"key-%d" % number, b"value %d " % number * 5) for number in range(200)]
        write(server, topic, values, **{"compression.type": codec, "enable.idempotence": codec != "gzip"})
    client.create_topic(server.bootstrap, "rolled", config=NEVER)
    write(server, "rolled", [(None, b"%05d " % number * 200) for number in range(2500)])
    client.create_topic(server.bootstrap, "cut", config=NEVER)
    write(server, "cut", [(None, b"%05d " % number * 200) for number in range(2500)])
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    for future in admin.delete_records([TopicPartition("cut", 0, 2000)]).values():
        future.result(20)
    client.create_topic(
        server.bootstrap, "compacted", config={**NEVER, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
    )
    for _ in range(4):
        values = [(b"key-%d" % chance.randrange(50), b"%05d " % number * 200) for number in range(800)]
        write(server, "compacted", values + [(b"key-%d" % number, None) for number in range(5)])
    client.create_topic(server.bootstrap, "two.partitions", 2, NEVER)
    write(server, "two.partitions", [(b"k", b"v")])
    client.create_topic(server.bootstrap, "deleted", config=NEVER)
    client.delete_topic(server.bootstrap, "deleted")
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": GROUP})
    consumer.commit(offsets=[TopicPartition("rolled", 0, 1234), TopicPartition("cut", 0, 2100)], asynchronous=False)
    consumer.close()
    wait_for_compaction(server)


def wait_for_compaction(server: Server) -> None:
    deadline = time.monotonic() + 60
    cleaned = server.data / "cleaner-offset-checkpoint"
    while not (cleaned.exists() and "compacted 0" in cleaned.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def keep(server: Server, version: int) -> None:
    """Fills, stops, keeps."""
    fill(server)
    server.stop()
    server.start()
    (FOLDERS / f"version-{version}.json").write_text(json.dumps(look(server), indent=1, sort_keys=True) + "\n")
    server.stop()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(server.data.rglob("*")):
            if path.is_file() and path.name != ".lock":
                info = archive.gettarinfo(path, str(path.relative_to(server.data)))
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                with path.open("rb") as file:
                    archive.addfile(info, file)
    (FOLDERS / f"version-{version}.tar.gz").write_bytes(gzip.compress(raw.getvalue(), 9, mtime=0))


def unpack(version: int, data: Path) -> dict:
    """The folder as it was kept; gives what is in it."""
    data.mkdir(parents=True)
    with tarfile.open(FOLDERS / f"version-{version}.tar.gz") as archive:
        archive.extractall(data)
    return json.loads((FOLDERS / f"version-{version}.json").read_text())


def version_of_this_build() -> int:
    header = (TREE / "storage/data_folder_version.h").read_text()
    return int(re.search(r"#define DATA_FOLDER_VERSION (\d+)", header)[1])


def versions() -> list[int]:
    return sorted(int(path.name.split("-")[1].split(".")[0]) for path in FOLDERS.glob("version-*.json"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        keep(Furrowd(Path(folder), SETTINGS, Path(sys.argv[1]), free_port()).start(), version_of_this_build())
