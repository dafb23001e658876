#!/usr/bin/env python3
"""Writes websocket-wsproto.txt: what WebSocket clients send, and what wsproto's server makes of it.

    websocket_wsproto.py > websocket-wsproto.txt

One connection a line: its bytes in hex, a tab, and what was seen until a close or a failure: THEX and BHEX for messages,
PHEX and pHEX for pings and pongs, CCODE:HEX for a close and its reason, !CODE for a failure; each with a space behind it.
"""

import random

from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

RANDOM = random.Random(6455)
LETTERS = {Opcode.TEXT: "T", Opcode.BINARY: "B", Opcode.PING: "P", Opcode.PONG: "p"}
PIECES = [b"", b"a", b"gr\xc3\xbc\xc3\x9f", b"\xe2\x82\xac", b"\xf0\x9f\x8c\xbe"]
WRONG_PIECES = [b"\xff", b"\xe2\x82", b"\xf0\x9f", b"\xbc", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90", b"\x80"]
CODES = [999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1015, 1016, 2999, 3000, 4999, 5000, 65535]


def chance(percent):
    return RANDOM.randrange(100) < percent


def length(size):
    forms = [(126, 2, 0, 65535), (127, 8, 0, 1 << 62)]
    if size < 126 and not chance(2):
        return size, b""
    if size > 125 and not chance(5):
        forms = forms[: 1 if size < 65536 else 2]
    mark, width, _, _ = RANDOM.choice([form for form in forms if size <= form[3]])
    return mark, size.to_bytes(width, "big")


def frame(opcode, payload, fin):
    reserved = RANDOM.choice((0x10, 0x20, 0x40)) if chance(1) else 0
    masked = not chance(1)
    mask = RANDOM.randbytes(4)
    mark, extended = length(len(payload))
    data = bytes([fin << 7 | reserved | opcode, masked << 7 | mark]) + extended
    if not masked:
        return data + payload
    return data + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def payload():
    pieces = PIECES + (WRONG_PIECES if chance(5) else [])
    return b"".join(RANDOM.choice(pieces) for _ in range(RANDOM.randrange(4))) * (40 if chance(2) else 1)


def close_payload():
    if chance(20):
        return RANDOM.choice((b"", b"\3"))
    return RANDOM.choice(CODES).to_bytes(2, "big") + RANDOM.choice(PIECES + WRONG_PIECES[:2])


def connection():
    data = b""
    in_message, rest = False, b""
    for _ in range(RANDOM.randrange(1, 9)):
        if chance(30):
            opcode = RANDOM.choice((8, 8, 9, 9, 10)) if not chance(5) else RANDOM.choice((11, 15))
            data += frame(opcode, close_payload() if opcode == 8 else payload()[:130], not chance(2))
            continue
        opcode = 0 if in_message else RANDOM.choice((1, 1, 1, 2))
        if chance(3):
            opcode = RANDOM.choice((0, 1, 2, 3, 7))
        fin = chance(60)
        character = RANDOM.choice(PIECES)  # may begin in one part and end in the next
        cut = RANDOM.randrange(len(character) + 1)
        data += frame(opcode, rest + payload() + character[: None if fin else cut], fin)
        rest = b"" if fin else character[cut:]
        in_message = not fin
    return data


def seen(data):
    protocol = FrameProtocol(client=False, extensions=[])
    message, events = b"", ""
    protocol.receive_bytes(data)
    try:
        for event in protocol.received_frames():
            if event.opcode is Opcode.CLOSE:
                code, reason = event.payload
                return events + f"C{int(code)}:{(reason or '').encode().hex()} "
            part = event.payload.encode() if isinstance(event.payload, str) else bytes(event.payload)
            if event.opcode in (Opcode.PING, Opcode.PONG):
                events += LETTERS[event.opcode] + part.hex() + " "
                continue
            message += part
            if event.message_finished:
                events += LETTERS[event.opcode] + message.hex() + " "
                message = b""
    except ParseFailed as failure:
        events += f"!{int(failure.code)} "
    return events


def main():
    for data in dict.fromkeys(connection() for _ in range(1200)):
        print(data.hex() + "\t" + seen(data))


main()
