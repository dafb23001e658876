"""The same requests to Apache Kafka and to furrowd, and what differs in the answers.

What a server chooses for itself (ports, topic ids, producer ids, session ids, clocks) is given a name before the
answers are compared."""

import re
import socket
import time
from dataclasses import dataclass, field

from differential.messages import MESSAGES, NO_UUID, decode_response, encode_request

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS = 0, 1, 2, 3, 18, 19, 20
DELETE_RECORDS = 21
INIT_PRODUCER_ID, EPOCHS, DESCRIBE_CONFIGS, ALTER_CONFIGS, DESCRIBE_LOG_DIRS, CREATE_PARTITIONS = 22, 23, 32, 33, 35, 37
INCREMENTAL_ALTER_CONFIGS, DESCRIBE_CLUSTER, LIST_CONFIG_RESOURCES, DESCRIBE_TOPIC_PARTITIONS = 44, 60, 74, 75

CLOSED = "the connection is closed"
SILENT = "no answer"
MISSING = "missing"
UNKNOWN_ID = bytes(range(16))
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Peer:
    """One of the two servers."""

    def __init__(self, server):
        self.server = server
        self.ids: dict[str, bytes] = {}
        self.named = {}
        self.socket: socket.socket | None = None

    def id(self, topic: str) -> bytes:
        return self.ids.get(topic, UNKNOWN_ID)

    def connect(self) -> socket.socket:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.socket

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError
            data += more
        return bytes(data)

    def send_raw(self, frame: bytes, seconds: float) -> bytes | str:
        try:
            self.connect().settimeout(seconds)
            self.socket.sendall(frame)
            return self.read(int.from_bytes(self.read(4), "big"))
        except ConnectionError:
            self.close()
            return CLOSED
        except TimeoutError:
            self.close()
            return SILENT

    def call(self, key: int, version: int, body: dict, seconds: float = 2) -> dict | str:
        frame = self.send_raw(encode_request(key, version, body), seconds)
        if isinstance(frame, str):
            return frame
        if key == API_VERSIONS and version > 4:
            version = 0
        return decode_response(key, version, frame)

    def learn_ids(self) -> None:
        answer = self.call(METADATA, 12, {"topics": None})
        self.ids.update({topic["name"]: topic["topic_id"] for topic in answer["topics"]})


@dataclass
class Difference:
    scenario: str
    call: str
    path: str
    kafka: object
    furrowd: object

    def __str__(self):
        return f"{self.scenario} | {self.call} | {self.path}: kafka {self.kafka!r}, furrowd {self.furrowd!r}"


def resolve(value, peer: Peer):
    """A request's body for one server: a function in it is asked for the server's own value."""
    if callable(value):
        return value(peer)
    if isinstance(value, dict):
        return {key: resolve(item, peer) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, peer) for item in value]
    return value


def normalise(peer: Peer, name: str, value):
    if isinstance(value, dict):
        return {key: normalise(peer, key, item) for key, item in value.items()}
    if isinstance(value, list):
        value = [normalise(peer, name, item) for item in value]
        for key in ("name", "topic", "resource_name", "api_key", "node_id", "partition_index", "group_id", "member_id"):
            if value and isinstance(value[0], dict) and key in value[0]:
                return sorted(value, key=lambda item: str(item[key]))
        return value
    if isinstance(value, bytes) and len(value) == 16:
        for topic, known in peer.ids.items():
            if known == value:
                return f"id of {topic}"
        return "no id" if value == NO_UUID else "the unknown id" if value == UNKNOWN_ID else "an id"
    if name in ("member_id", "leader") and value and value in peer.named.values():
        return next(f"the id of {known}" for known, id in peer.named.items() if id == value)
    if name in ("member_id", "leader") and value and RANDOM_ID.search(value):
        return "a member id"
    if name == "port":
        return "PORT" if value == peer.server.port else value
    if name == "cluster_id" and isinstance(value, str):
        return "a cluster id"
    if name == "log_dir":
        return value.replace(str(peer.server.data), "DATA")
    if name in ("total_bytes", "usable_bytes") and value > 0:
        return "bytes"
    if isinstance(value, str):
        return value.replace(peer.server.bootstrap, "ADDRESS")
    if name == "session_id":
        return "a session" if value else 0
    if name == "producer_id":
        return "a producer id" if value >= 0 else value
    if name in ("log_append_time_ms", "timestamp") and value > time.time() * 1000 - 600_000:
        return "now"
    return value


def compare(kafka, furrowd, path: str):
    if isinstance(kafka, dict) and isinstance(furrowd, dict):
        for key in [*kafka, *(key for key in furrowd if key not in kafka)]:
            yield from compare(kafka.get(key, MISSING), furrowd.get(key, MISSING), f"{path}.{key}")
    elif isinstance(kafka, list) and isinstance(furrowd, list):
        if [label(item) for item in kafka] == [label(item) for item in furrowd]:
            for index, (one, other) in enumerate(zip(kafka, furrowd)):
                yield from compare(one, other, f"{path}[{label(one) or index}]")
            return
        mine = {label(item) or i: item for i, item in enumerate(furrowd)}
        theirs = {label(item) or i: item for i, item in enumerate(kafka)}
        for key in [*theirs, *(key for key in mine if key not in theirs)]:
            yield from compare(theirs.get(key, MISSING), mine.get(key, MISSING), f"{path}[{key}]")
    elif kafka != furrowd or type(kafka) is not type(furrowd):
        yield path, kafka, furrowd


def label(item):
    if not isinstance(item, dict):
        return None
    for key in ("name", "topic", "resource_name", "api_key", "topic_id"):
        if item.get(key):
            return item[key]
    return None


@dataclass
class Pair:
    kafka: Peer
    furrowd: Peer
    scenario: str = ""
    differences: list[Difference] = field(default_factory=list)
    calls: int = 0

    def peers(self):
        return self.kafka, self.furrowd

    def reconnect(self) -> None:
        for peer in self.peers():
            peer.close()

    def versions(self, key: int) -> range:
        first, last = MESSAGES[key, "request"].versions
        return range(first, last + 1)

    def call(self, key: int, version: int, body: dict, note: str = "", seconds: float = 2, quiet=False) -> tuple:
        """Both answers, after their differences were noted."""
        answers = [peer.call(key, version, resolve(body, peer), seconds) for peer in self.peers()]
        if not quiet:
            self.note(f"{MESSAGES[key, 'request'].name} v{version} {note}", answers)
        return tuple(answers)

    def note(self, call: str, answers: list) -> None:
        self.calls += 1
        shown = [normalise(peer, "", answer) for peer, answer in zip(self.peers(), answers)]
        for path, kafka, furrowd in compare(*shown, ""):
            self.differences.append(Difference(self.scenario, call, path, kafka, furrowd))

    def every(self, key: int, body, note: str = "", first: int = 0, last: int = 99, **options) -> None:
        """In all versions; a body that depends on the version is a function of it."""
        for version in self.versions(key):
            if first <= version <= last:
                self.call(key, version, body(version) if callable(body) else body, note, **options)

    def create(self, topic: str, partitions: int = 1, **configs: str) -> None:
        items = [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]
        wanted = {"name": topic, "num_partitions": partitions, "replication_factor": 1, "configs": items}
        for answer in self.call(CREATE_TOPICS, 7, {"topics": [wanted]}):
            assert answer["topics"][0]["error_code"] == 0, answer
        self.settle(topic, partitions)

    def settle(self, topic: str, partitions: int = 1) -> None:
        """Apache Kafka makes partitions in the background."""
        for peer in self.peers():
            body = {
                "topics": [
                    {"name": topic, "partitions": [{"partition_index": i, "timestamp": -1} for i in range(partitions)]}
                ]
            }
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                answer = peer.call(LIST_OFFSETS, 1, {"replica_id": -1, **body})
                if not any(p["error_code"] for p in answer["topics"][0]["partitions"]):
                    break
                time.sleep(0.02)
            peer.learn_ids()
