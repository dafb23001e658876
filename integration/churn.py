"""Everything at once: churn.py PORT SECONDS SEED.

Connections that send random requests of all kinds, ahead of their answers, read them or not, and end in every manner,
while topics come, grow, change and go under them. One topic, "kept", stays, and what was acknowledged there with
acks=all is printed at the end, a value a line.
"""

import random
import socket
import struct
import sys
import threading
import time

from wire import Connection, array, batch, fetch_request, produce_request, request, string

CONNECTIONS = 20
KEPT = "kept"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

acknowledged: list[bytes] = []


def int32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}i", *numbers)


def topic_name(rng: random.Random) -> str:
    return f"churn-{rng.randrange(6)}"


def any_batch(rng: random.Random) -> bytes:
    producer = (rng.randrange(3), 0, rng.randrange(3)) if rng.random() < 0.2 else (-1, -1, -1)
    made = batch(*(rng.randbytes(rng.choice((1, 100, 20_000))) for _ in range(rng.randrange(1, 4))), producer=producer)
    return made if rng.random() < 0.9 else made[: rng.randrange(len(made))] + b"\xff"


def produce(rng: random.Random) -> bytes:
    return produce_request(topic_name(rng), any_batch(rng), acks=rng.choice((-1, -1, 0, 1)), partition=rng.randrange(4))


def fetch(rng: random.Random) -> bytes:
    asked = {topic_name(rng): {p: rng.randrange(5) for p in range(rng.randrange(1, 5))} for _ in range(3)}
    asked[KEPT] = {0: rng.randrange(3)}
    session, epoch = rng.choice(((0, -1), (0, 0), (rng.randrange(1 << 30), 1)))
    return fetch_request(asked, rng.choice((0, 50, 60_000)), rng.choice((0, 1, 1 << 30)), session=session, epoch=epoch)


def list_offsets(rng: random.Random) -> bytes:
    when = rng.choice((-1, -2, 0, int(time.time() * 1000) - rng.randrange(10_000)))
    partitions = array(*(struct.pack(">iiq", p, -1, when) for p in range(4)))
    return request(2, 4, struct.pack(">ib", -1, rng.randrange(2)) + array(string(topic_name(rng)) + partitions))


def metadata(rng: random.Random) -> bytes:
    names = int32(-1) if rng.random() < 0.3 else array(*(string(topic_name(rng)) for _ in range(3)))
    return request(3, 4, names + bytes([rng.randrange(2)]))


def create_topics(rng: random.Random) -> bytes:
    def one() -> bytes:
        gzip = string("compression.type") + string("gzip")
        config = rng.choice((b"", gzip, string("segment.bytes") + string("1048576")))
        configs = array(config) if config else array()
        return string(topic_name(rng)) + struct.pack(">ih", rng.randrange(1, 5), 1) + array() + configs

    return request(19, 2, array(*(one() for _ in range(rng.randrange(1, 4)))) + struct.pack(">ib", 1000, 0))


def delete_topics(rng: random.Random) -> bytes:
    return request(20, 1, array(*(string(topic_name(rng)) for _ in range(rng.randrange(1, 3)))) + int32(1000))


def create_partitions(rng: random.Random) -> bytes:
    grown = array(string(topic_name(rng)) + int32(rng.randrange(1, 8)) + int32(-1))
    return request(37, 0, grown + struct.pack(">ib", 1000, 0))


def configs(rng: random.Random) -> bytes:
    name = string(topic_name(rng))
    value = string(str(rng.randrange(100_000)))
    return rng.choice(
        (
            request(32, 1, array(b"\x02" + name + int32(-1)) + b"\x01"),
            request(33, 0, array(b"\x02" + name + array(string("retention.ms") + value)) + b"\0"),
            request(44, 0, array(b"\x02" + name + array(string("flush.ms") + b"\0" + value)) + b"\0"),
        )
    )


def others(rng: random.Random) -> bytes:
    epochs = array(string(topic_name(rng)) + array(*(int32(p, -1, rng.randrange(3)) for p in range(4))))
    return rng.choice(
        (
            request(22, 0, string(None) + int32(1000)),
            request(23, 2, epochs),
            request(18, 0, b""),
            request(10, 0, string("group")),
        )
    )


def broken(rng: random.Random) -> bytes:
    good = rng.choice(KINDS)(rng)
    at = rng.randrange(12, len(good))
    return good[:at] + rng.randbytes(rng.randrange(4)) + good[at:] if rng.random() < 0.5 else good[:at]


KINDS = (produce, produce, fetch, fetch, list_offsets, metadata, create_topics, delete_topics, create_partitions)
KINDS += (configs, others)


def leave(rng: random.Random, connection: Connection) -> None:
    how = rng.randrange(3)
    if how == 0:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    elif how == 1:
        connection.socket.shutdown(socket.SHUT_WR)
        connection.socket.settimeout(0.05)
        connection.socket.recv(1 << 20)


def disturb(address: str, rng: random.Random, end: float) -> None:
    while time.monotonic() < end:
        try:
            with Connection(address, seconds=0.2) as connection:
                for _ in range(rng.randrange(1, 30)):
                    kind = broken if rng.random() < 0.01 else rng.choice(KINDS)
                    connection.send(kind(rng))
                    if rng.random() < 0.4:
                        connection.socket.recv(rng.choice((10, 1 << 20)))
                leave(rng, connection)
        except OSError:
            pass


def write(address: str, number: int, end: float) -> None:
    with Connection(address) as connection:
        sent = 0
        while time.monotonic() < end:
            values = [b"<%d:%d>" % (number, sent + i) for i in range(5)]
            for i, value in enumerate(values):
                connection.send(produce_request(KEPT, batch(value), correlation=i))
            for i, value in enumerate(values):
                error, offset = connection.produced(i)
                assert error == 0 and offset >= 0
                acknowledged.append(value)
            sent += len(values)


def main(port: int, seconds: float, seed: int) -> None:
    address = f"127.0.0.1:{port}"
    with Connection(address) as connection:
        connection.create_topic(KEPT)
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=write, args=(address, n, end)) for n in range(2)]
    for n in range(CONNECTIONS):
        threads.append(threading.Thread(target=disturb, args=(address, random.Random(seed * 1000 + n), end)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.buffer.write(b"\n".join(acknowledged) + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
