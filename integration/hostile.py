"""Peers that mean no good, many of them, in a process of their own: hostile.py PORT TOPIC COUNT.

Of the connections, half send a proper request at a byte a second, a quarter stop in the middle of a frame, and a
quarter ask for all that the topic holds, again and again, and never read an answer. Prints a line when all are there;
ends with stdin.
"""

import resource
import selectors
import socket
import sys

from wire import batch, fetch_request, produce_request

RECEIVE_BUFFER = 4096


def connect(port: int) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    peer.connect(("127.0.0.1", port))
    peer.setblocking(False)
    return peer


def send(peer: socket.socket, data: bytes) -> None:
    """As much as goes; a closed connection is what such a peer must expect."""
    try:
        peer.send(data)
    except (BlockingIOError, ConnectionError):
        pass


def main(port: int, topic: str, count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    peers = [connect(port) for _ in range(count)]
    slow, half, deaf = peers[: count // 2], peers[count // 2 : count * 3 // 4], peers[count * 3 // 4 :]
    for peer in half:
        send(peer, produce_request(topic, batch(b"x" * 2000))[:1000])
    for peer in deaf:
        send(peer, fetch_request({topic: {0: 0}}) * 20)
    print("ready", flush=True)

    # The slow ones are spread over the second, so that there is no pulse.
    request = produce_request(topic, batch(b"x" * 2000))
    stdin = selectors.DefaultSelector()
    stdin.register(sys.stdin, selectors.EVENT_READ)
    for position in range(len(request)):
        for tenth in range(10):
            if stdin.select(0.1):
                return
            for peer in slow[tenth::10]:
                send(peer, request[position : position + 1])
            for peer in deaf[tenth::10]:
                send(peer, fetch_request({topic: {0: 0}}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
