"""kcat, Debian's 1.7.1 on librdkafka 2.0.2: one process for each thing it does."""

import re
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from clients import BEGINNING, END, At, Client, ClientError, Record, Tail

# One line of sizes, then the bytes that they describe.
FORMAT = r"%p %o %T %K %S\n%k%s%h\n"
HEAD = re.compile(rb"(\d+) (\d+) (-?\d+) (-?\d+) (-?\d+)\n")


def parse(output: bytes) -> tuple[list[Record], bytes]:
    """The whole records in kcat's output, and what is left of it."""
    records = []
    while head := HEAD.match(output):
        partition, offset, timestamp, key_size, size = (int(field) for field in head.groups())
        at = head.end()
        key_end = at + max(key_size, 0)
        value_end = key_end + max(size, 0)
        line_end = output.find(b"\n", value_end)
        if line_end < 0:
            break
        headers = []
        for header in filter(None, output[value_end:line_end].decode().split(",")):
            name, _, value = header.partition("=")
            headers.append((name, None if value == "NULL" else value.encode()))
        records.append(
            Record(
                output[key_end:value_end] if size >= 0 else None,
                output[at:key_end] if key_size >= 0 else None,
                tuple(headers),
                timestamp,
                partition,
                offset,
            )
        )
        output = output[line_end + 1 :]
    return records, output


def kcat(bootstrap: str, *arguments: str, timeout: float = 30, **options) -> subprocess.CompletedProcess:
    return subprocess.run(["kcat", "-b", bootstrap, *arguments], capture_output=True, timeout=timeout, **options)


def error_of(done: subprocess.CompletedProcess) -> ClientError:
    return ClientError(done.stderr.decode().strip())


class KcatTail(Tail):
    def __init__(self, process: subprocess.Popen):
        self.process = process

    def take(self, count: int) -> list[Record]:
        records: list[Record] = []
        rest = b""
        while len(records) < count:
            more = self.process.stdout.read1(1 << 20)
            if not more:
                raise ClientError("kcat ended")
            found, rest = parse(rest + more)
            records += found
        return records


class Kcat(Client):
    name = "kcat"
    creates_topics = False
    sets_timestamps = False
    null_headers = False
    empty_values_without_key = False
    unknown_topic = ("Unknown topic or partition",)
    too_large = ("Message size too large",)
    # The second when the answer to Metadata comes before the record is handed over: librdkafka knows the topic by then.
    invalid_name = ("Invalid topic", "Local: Unknown topic")

    def produce(self, bootstrap, records, topic, codec="none", acks="all", idempotent=False):
        """kcat gives all records of one run the same partition, key and headers, so each group of such records is a
        run."""

        def like(record):
            return record.partition, record.key, record.headers, record.value is None, record.value == b""

        for (partition, key, headers, null, empty), group in groupby(records, like):
            values = [record.value or b"" for record in group]
            options = [
                "-P",
                "-t",
                topic,
                "-p",
                str(partition),
                "-z",
                codec,
                "-X",
                f"acks={acks}",
                "-X",
                "linger.ms=5",
                "-X",
                f"enable.idempotence={str(idempotent).lower()}",
                "-X",
                "message.max.bytes=8000000",
                "-X",
                f"max.in.flight={5 if idempotent else 1}",
                "-X",
                "topic.metadata.propagation.max.ms=3000",
            ]
            for name, value in headers:
                options += ["-H", f"{name}={value.decode()}"]
            if null:
                options += ["-Z"]
            if null or empty:
                # kcat skips empty files, but not a line that ends behind its key.
                done = kcat(bootstrap, *options, "-K", "=", input=(key + b"=\n") * len(values))
            else:
                options += ["-k", key.decode()] if key is not None else []
                with tempfile.TemporaryDirectory() as folder:
                    files = [Path(folder, str(number)) for number in range(len(values))]
                    for file, value in zip(files, values):
                        file.write_bytes(value)
                    done = kcat(bootstrap, *options, *map(str, files))
            if done.returncode != 0 or b"Delivery failed" in done.stderr:
                raise error_of(done)
        return None

    def consume(self, bootstrap, topic, count, partition=0, start=BEGINNING):
        at = {BEGINNING: "beginning", END: "end"}.get(start) if isinstance(start, str) else start
        at = f"s@{start.timestamp}" if isinstance(start, At) else str(at)
        done = kcat(
            bootstrap,
            "-C",
            "-t",
            topic,
            "-p",
            str(partition),
            "-o",
            at,
            "-c",
            str(count),
            "-e",
            "-q",
            "-f",
            FORMAT,
            "-X",
            "topic.metadata.propagation.max.ms=0",
        )
        if done.returncode != 0:
            raise error_of(done)
        records, rest = parse(done.stdout)
        assert rest == b""
        return records

    @contextmanager
    def tail(self, bootstrap, topic, partition=0):
        process = subprocess.Popen(
            ["kcat", "-b", bootstrap, "-C", "-t", topic, "-p", str(partition), "-o", "end", "-u", "-f", FORMAT],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            # kcat says when it has reached the end, and with that where the end was.
            said = b""
            while b"Reached end of topic" not in said:
                line = process.stderr.readline()
                if not line:
                    raise ClientError(said.decode())
                said += line
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield KcatTail(process)
        finally:
            process.kill()
            process.communicate()
