"""REST Proxy v2 as a script uses it: plain HTTP and JSON, nothing of Kafka."""

import base64
import http.client
import json
import re
from urllib.parse import quote

GENERAL = "application/vnd.kafka.v2+json"
BINARY = "application/vnd.kafka.binary.v2+json"
JSON = "application/vnd.kafka.json.v2+json"


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.status = response.status
        self.type = response.headers["content-type"]
        text = response.read()
        self.body = json.loads(text) if text else None

    @property
    def error(self) -> tuple[int, int]:
        return self.status, self.body["error_code"]


def http_port(server) -> int:
    return int(re.findall(r"protocol=http\b.*\bport=(\d+)", server.log.read_text())[-1])


class Proxy:
    def __init__(self, server):
        self.port = http_port(server)

    def ask(self, method: str, path: str, body=None, accept: str | None = None, content: str = GENERAL, seconds=30) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        headers = {"Accept": accept} if accept else {}
        if body is not None or method == "POST":
            headers["Content-Type"] = content
        text = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
        try:
            connection.request(method, path, text, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def consumer(self, group: str, **settings) -> "Consumer":
        settings = {key.replace("_", "."): value for key, value in settings.items()}
        settings.setdefault("auto.offset.reset", "earliest")
        made = self.ask("POST", f"/consumers/{quote(group, safe='')}", settings)
        assert made.status == 200, made.body
        return Consumer(self, made.body)


class Consumer:
    def __init__(self, proxy: Proxy, made: dict):
        self.proxy = proxy
        self.name = made["instance_id"]
        self.path = re.sub(r"^http://127\.0\.0\.1:\d+", "", made["base_uri"])

    def ask(self, method: str, below: str = "", body=None, **options) -> Answer:
        return self.proxy.ask(method, self.path + below, body, **options)

    def must(self, method: str, below: str, body=None, status=204):
        answer = self.ask(method, below, body)
        assert answer.status == status, (answer.status, answer.body)
        return answer.body

    def subscribe(self, *topics: str) -> "Consumer":
        self.must("POST", "/subscription", {"topics": topics})
        return self

    def assign(self, *partitions: tuple[str, int]) -> "Consumer":
        self.must("POST", "/assignments", {"partitions": places(*partitions)})
        return self

    def assigned(self) -> set[tuple[str, int]]:
        found = self.must("GET", "/assignments", status=200)["partitions"]
        return {(place["topic"], place["partition"]) for place in found}

    def read(self, timeout: int = 3000, accept: str | None = None, more: str = "") -> list[dict]:
        answer = self.ask("GET", f"/records?timeout={timeout}{more}", accept=accept)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.body

    def read_many(self, count: int) -> list[dict]:
        """At least so many; fewer when nothing comes any more."""
        records = []
        while len(records) < count:
            more = self.read()
            if not more:
                break
            records += more
        return records

    def delete(self) -> None:
        self.must("DELETE", "")


def places(*partitions: tuple[str, int], **more) -> list[dict]:
    return [{"topic": topic, "partition": partition, **more} for topic, partition in partitions]


def values(records: list[dict]) -> list[bytes]:
    return [base64.b64decode(record["value"]) for record in records]
