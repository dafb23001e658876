"""Every message in every version, written and read by the declarations that furrowd itself is made from
(protocol/kafka/messages), as nested dicts: a field that is left out of a request has its default."""

import struct
import sys

from installed import TREE

sys.path.insert(0, str(TREE / "protocol/kafka"))
from declarations import OPEN, Field, Message, Struct, read_messages  # noqa: E402

FIXED = {"bool": "?", "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint16": "H", "float64": "d"}
MESSAGES = {(m.key, m.kind): m for m in read_messages() if m.kind in ("request", "response")}
NO_UUID = bytes(16)


def within(versions: tuple[int, int], version: int) -> bool:
    return versions[0] <= version <= versions[1]


def uvarint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


class Encoder:
    def __init__(self, message: Message, version: int):
        self.version = version
        self.flexible = message.flexible != OPEN and version >= message.flexible

    def length(self, count: int | None, kind: str) -> bytes:
        if self.flexible:
            return uvarint(0 if count is None else count + 1)
        return struct.pack(">" + kind, -1 if count is None else count)

    def default(self, field: Field):
        if field.default == "null":
            return None
        if field.is_array:
            return []
        if field.type in FIXED:
            return {"true": 1}.get(field.default) or int(field.default or 0)
        return {"string": "", "uuid": NO_UUID}.get(field.type, {} if field.struct else b"")

    def value(self, field: Field, value) -> bytes:
        if field.is_array:
            body = b"" if value is None else b"".join(self.single(field, item) for item in value)
            return self.length(None if value is None else len(value), "i") + body
        if field.struct and field.nullable != (OPEN, -1):
            return b"\xff" if value is None else b"\1" + self.single(field, value)
        return self.single(field, value)

    def single(self, field: Field, value) -> bytes:
        if field.struct:
            return self.struct(field.struct, value)
        if field.type in FIXED:
            return struct.pack(">" + FIXED[field.type], value)
        if field.type == "uuid":
            return value
        data = value.encode() if isinstance(value, str) else value
        return self.length(None if data is None else len(data), "h" if field.type == "string" else "i") + (data or b"")

    def struct(self, layout: Struct, values: dict) -> bytes:
        unknown = set(values) - {field.name for field in layout.fields}
        assert not unknown, f"{layout.name} has no {unknown}"
        out = b"".join(
            self.value(field, values.get(field.name, self.default(field)))
            for field in layout.plain
            if within(field.versions, self.version)
        )
        if not self.flexible:
            return out
        tagged = [f for f in layout.tagged if within(f.versions, self.version) and f.name in values]
        out += uvarint(len(tagged))
        for field in tagged:
            data = self.value(field, values[field.name])
            out += uvarint(field.tag) + uvarint(len(data)) + data
        return out


class Decoder:
    def __init__(self, message: Message, version: int, data: bytes):
        self.version = version
        self.flexible = message.flexible != OPEN and version >= message.flexible
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.data), "the response is too short"
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, kind: str):
        return struct.unpack(">" + kind, self.take(struct.calcsize(kind)))[0]

    def uvarint(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def length(self, kind: str) -> int:
        return self.uvarint() - 1 if self.flexible else self.number(kind)

    def value(self, field: Field):
        if field.is_array:
            count = self.length("i")
            return None if count < 0 else [self.single(field) for _ in range(count)]
        if field.struct and field.nullable != (OPEN, -1) and self.number("b") < 0:
            return None
        return self.single(field)

    def single(self, field: Field):
        if field.struct:
            return self.struct(field.struct)
        if field.type in FIXED:
            return self.number(FIXED[field.type])
        if field.type == "uuid":
            return self.take(16)
        size = self.length("h" if field.type == "string" else "i")
        data = None if size < 0 else self.take(size)
        return data.decode() if data is not None and field.type == "string" else data

    def struct(self, layout: Struct) -> dict:
        values = {f.name: self.value(f) for f in layout.plain if within(f.versions, self.version)}
        for _ in range(self.uvarint() if self.flexible else 0):
            tag, end = self.uvarint(), self.uvarint()
            end += self.at
            known = [f for f in layout.tagged if f.tag == tag and within(f.versions, self.version)]
            values[known[0].name if known else f"tag_{tag}"] = (
                self.value(known[0]) if known else self.take(end - self.at)
            )
            assert self.at == end, "a tagged field has another size than it says"
        return values


def encode_request(key: int, version: int, body: dict, correlation: int = 1) -> bytes:
    """A whole frame, its length in front."""
    message = MESSAGES[key, "request"]
    encoder = Encoder(message, version)
    frame = struct.pack(">hhih", key, version, correlation, 4) + b"wire" + (b"\0" if encoder.flexible else b"")
    frame += encoder.struct(message.root, body)
    return struct.pack(">i", len(frame)) + frame


def decode_response(key: int, version: int, frame: bytes) -> dict:
    """Of a frame without its length."""
    message = MESSAGES[key, "response"]
    decoder = Decoder(message, version, frame)
    decoder.take(4)
    if decoder.flexible and key != 18:
        assert decoder.take(1) == b"\0"
    body = decoder.struct(message.root)
    assert decoder.at == len(frame), f"{len(frame) - decoder.at} bytes are left of the response"
    return body
