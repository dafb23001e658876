"""Reads the message declarations (messages/*.txt).

    ListOffsets request key 2 versions 1-11 flexible 6
      isolation_level  int8     2+
      topics           []topic
        name           string
      rack             string   3+  nullable default null

The first line of a message: its name, what it is (request or response of an API; key or value of a record; data),
the API's key or the record's type, the versions served, and the first flexible one (none when it is left out).

A field: name, type, the versions that have it (all of what encloses it when left out), then
    nullable [versions]   null is allowed (in these versions)
    tag N                 a tagged field
    default X             of a field which a version does not have, and of a tagged field; otherwise 0, false, empty
    int16_length          its length is no varint even in flexible versions

Types: bool int8 int16 uint16 int32 int64 float64 uuid string bytes records; record_data, which a sender may take from
a file; the name of a struct, whose fields follow, indented, at its first use or after "struct NAME"; []T, an array.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

DEFAULTED = {"bool", "int8", "int16", "int32", "int64"}
SCALARS = DEFAULTED | {"uint16", "float64", "uuid"}
BLOBS = {"string", "bytes", "records", "record_data"}
OPEN = 127
NEVER = (OPEN, -1)
ALWAYS = (0, OPEN)


class DeclarationError(Exception):
    pass


@dataclass
class Field:
    name: str
    type: str
    is_array: bool
    versions: tuple
    nullable: tuple
    tag: int | None
    default: str | None
    int16_length: bool
    struct: "Struct | None" = None

    @property
    def is_pointer(self):
        """A struct that may be null is held by pointer, any other within its parent."""
        return self.struct is not None and not self.is_array and self.nullable != NEVER


@dataclass
class Struct:
    name: str  # in C
    fields: list = field(default_factory=list)

    @property
    def plain(self):
        return [f for f in self.fields if f.tag is None]

    @property
    def tagged(self):
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)


@dataclass
class Message:
    name: str
    kind: str
    key: int
    versions: tuple
    flexible: int
    root: Struct
    structs: list  # each after those that it holds


def snake(name):
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def parse_versions(text):
    match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
    if not match:
        raise DeclarationError(f"not a version range: {text}")
    first = int(match[1])
    if match[2] is None:
        return first, first
    return first, OPEN if match[2] == "+" else int(match[3])


def is_versions(word):
    return re.fullmatch(r"\d+(\+|-\d+)?", word) is not None


def parse_header(line):
    match = re.fullmatch(
        r"(\w+) (?:(request|response) key (\d+)|(key|value) (\d+)|(data)) versions (\S+)(?: flexible (\d+))?", line
    )
    if not match:
        raise DeclarationError("not the first line of a message")
    kind = match[2] or match[4] or match[6]
    name = snake(match[1]) + ("" if kind == "data" else "_" + kind)
    root = Struct(name)
    flexible = OPEN if match[8] is None else int(match[8])
    return Message(match[1], kind, int(match[3] or match[5] or 0), parse_versions(match[7]), flexible, root, [])


def parse_field(words):
    name, type_name = words.pop(0), words.pop(0)
    parsed = Field(name, type_name.removeprefix("[]"), type_name.startswith("[]"), ALWAYS, NEVER, None, None, False)
    if words and is_versions(words[0]):
        parsed.versions = parse_versions(words.pop(0))
    while words:
        word = words.pop(0)
        if word == "nullable":
            parsed.nullable = parse_versions(words.pop(0)) if words and is_versions(words[0]) else ALWAYS
        elif word == "tag":
            parsed.tag = int(words.pop(0))
        elif word == "default":
            parsed.default = words.pop(0)
        elif word == "int16_length":
            parsed.int16_length = True
        else:
            raise DeclarationError(f"unknown word {word}")
    if parsed.default not in (None, "null") and (parsed.is_array or parsed.type not in DEFAULTED):
        raise DeclarationError(f"{parsed.type} has no defaults but null")
    return parsed


class MessageParser:
    """One message, line by line; `open` holds the structs that the next line may belong to, by indentation."""

    def __init__(self, header):
        self.message = parse_header(header)
        self.named = {}
        self.open = [self.message.root]

    def struct_named(self, name):
        return self.named.setdefault(name, Struct(self.message.root.name + "_" + name))

    def add_line(self, depth, words):
        if not 1 <= depth <= len(self.open):
            raise DeclarationError("indentation")
        del self.open[depth:]
        if words[0] == "struct":
            self.open.append(self.struct_named(words[1]))
            return
        parsed = parse_field(words)
        if parsed.type not in SCALARS | BLOBS:
            parsed.struct = self.struct_named(parsed.type)
            if not parsed.is_array and parsed.nullable not in (ALWAYS, NEVER):
                raise DeclarationError("a struct is nullable in all versions or in none")
            self.open.append(parsed.struct)
        self.open[depth - 1].fields.append(parsed)

    def finish(self):
        for name, struct in self.named.items():
            if not struct.fields:
                raise DeclarationError(f"{self.message.name}: struct {name} has no fields")
        self.collect(self.message.root, ())
        return self.message

    def collect(self, struct, inside):
        if struct.name in inside:
            raise DeclarationError(f"{struct.name} holds itself")
        for member in struct.fields:
            if member.struct is not None and member.struct not in self.message.structs:
                self.collect(member.struct, inside + (struct.name,))
        self.message.structs.append(struct)


def read_file(path):
    messages, parser = [], None
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        text = line.split("#")[0].rstrip()
        if not text:
            continue
        indent = len(text) - len(text.lstrip())
        try:
            if indent == 0:
                if parser is not None:
                    messages.append(parser.finish())
                parser = MessageParser(text)
            else:
                parser.add_line(indent // 2, text.split())
        except (DeclarationError, IndexError) as error:
            raise SystemExit(f"{path}:{number}: {error}") from error
    if parser is not None:
        messages.append(parser.finish())
    return messages


def read_messages():
    folder = Path(__file__).parent / "messages"
    messages = [message for path in sorted(folder.glob("*.txt")) for message in read_file(path)]
    names = [struct.name for message in messages for struct in message.structs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"declared twice: {', '.join(sorted(twice))}")
    return messages
