#!/usr/bin/env python3
"""Writes kafka/messages.h and messages.c (C structs, tables for the codec, the list of APIs) from the declarations.

    generate.py OUTPUT_FOLDER
"""

import sys
from pathlib import Path

from declarations import NEVER, OPEN, SCALARS, read_messages, snake

C_TYPES = {
    "bool": "bool", "int8": "int8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
    "int64": "int64_t", "float64": "double", "uuid": "struct uuid", "string": "slice", "bytes": "slice",
    "records": "slice", "record_data": "struct record_data",
}  # fmt: skip
WIRE_SIZES = {"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "int64": 8, "float64": 8, "uuid": 16}
LIMITS = {-(2**31): "INT32_MIN", 2**31 - 1: "INT32_MAX", -(2**63): "INT64_MIN", 2**63 - 1: "INT64_MAX"}
BANNER = "/* Generated from protocol/kafka/messages by generate.py. */\n"


def c_number(value):
    return LIMITS.get(value, str(value))


def default_number(field):
    if field.default in (None, "null", "false"):
        return 0
    return 1 if field.default == "true" else int(field.default)


def default_is_null(field):
    return field.default == "null"


# ---- the header: structs and their defaults


def c_declaration(field):
    element = "struct " + field.struct.name if field.struct else C_TYPES[field.type]
    if not field.is_array:
        return f"{element} {'*' if field.is_pointer else ''}{field.name}"
    if field.struct:
        return f"{element}_array {field.name}"
    return f"struct {field.type}_array {field.name}"


def range_text(versions):
    first, last = versions
    if last == OPEN:
        return f"{first}+" if first > 0 else ""
    return f"{first}-{last}" if first != last else str(first)


def field_comment(field):
    words = [range_text(field.versions)]
    if field.nullable != NEVER:
        words += ["nullable", range_text(field.nullable)]
    if field.tag is not None:
        words.append(f"tag {field.tag}")
    text = " ".join(word for word in words if word)
    return f" /* {text} */" if text else ""


def default_initializer(field):
    """What stands for the field in X_DEFAULTS; None when zero does."""
    if field.is_array:
        return "{NULL, -1}" if default_is_null(field) else None
    if field.struct:
        return None if field.is_pointer else f"{field.struct.name.upper()}_DEFAULTS_INSIDE"
    if field.type in ("string", "bytes"):
        return None if default_is_null(field) else '{(const uint8_t *)"", 0}'
    number = default_number(field)
    return c_number(number) if number else None


def write_struct(out, struct, array_elements):
    out.append(f"struct {struct.name} {{")
    out += [f"    {c_declaration(field)};{field_comment(field)}" for field in struct.fields]
    out += ["    const struct tagged_fields *unknown;", "};", ""]
    if struct.name in array_elements:
        out += [f"struct {struct.name}_array {{", f"    struct {struct.name} *items;", "    int32_t count;", "};", ""]
    values = [(field.name, default_initializer(field)) for field in struct.fields]
    values = [f".{name} = {value}, " for name, value in values if value is not None]
    upper = struct.name.upper()
    out.append(f"#define {upper}_DEFAULTS_INSIDE {{{''.join(values)}.unknown = NULL}}")
    out += [f"#define {upper}_DEFAULTS ((struct {struct.name}){upper}_DEFAULTS_INSIDE)", ""]


def write_enum(out, name, values):
    out.append(f"enum {name} {{")
    out += [f"    {value} = {number}," for value, number in values]
    out += ["};", ""]


def header(messages):
    out = [BANNER + "#pragma once", "", '#include "kafka/codec.h"', ""]
    requests = sorted((m for m in messages if m.kind == "request"), key=lambda m: m.key)
    write_enum(out, "api_key", [("API_" + snake(m.name).upper(), m.key) for m in requests])
    out.append("/* The int16 that a record's key starts with; of Furrow's metadata log: the key's kind. */")
    values = [m for m in messages if m.kind == "value"]
    write_enum(out, "record_type", [(snake(m.name).upper() + "_RECORD", m.key) for m in values])
    for message in messages:
        out.append(f"/* {message.name} {message.kind} */")
        elements = {f.struct.name for s in message.structs for f in s.fields if f.struct and f.is_array}
        for struct in message.structs:
            write_struct(out, struct, elements)
        out += [f"extern const struct message_type {message.root.name}_type;", ""]
    return "\n".join(out)


# ---- the tables


def smallest_field(field, version, flexible):
    if field.is_array or field.type in ("bytes", "records", "record_data"):
        return 1 if flexible else 4
    if field.type == "string":
        return 1 if flexible and not field.int16_length else 2
    if field.is_pointer:
        return 1
    if field.struct:
        return smallest_in(field.struct, version, flexible)
    return WIRE_SIZES[field.type]


def smallest_in(struct, version, flexible):
    present = [f for f in struct.plain if f.versions[0] <= version <= f.versions[1]]
    return sum(smallest_field(f, version, flexible) for f in present) + (1 if flexible else 0)


def smallest(message, struct):
    first, last = message.versions
    sizes = [smallest_in(struct, version, version >= message.flexible) for version in range(first, last + 1)]
    return max(1, min(sizes))


def field_kind(field):
    if field.struct:
        return "FIELD_POINTER" if field.is_pointer else "FIELD_STRUCT"
    return "FIELD_" + field.type.upper()


def field_flags(field):
    flags = ["FIELD_IS_ARRAY"] * field.is_array
    flags += ["FIELD_DEFAULT_NULL"] * default_is_null(field)
    flags += ["FIELD_INT16_LENGTH"] * field.int16_length
    return " | ".join(flags) or "0"


class Tables:
    def __init__(self, messages):
        self.messages = messages
        self.structs = [(message, struct) for message in messages for struct in message.structs]
        self.index = {struct.name: i for i, (_, struct) in enumerate(self.structs)}
        self.names, self.name_bytes = {}, 0
        self.defaults = [0]

    def name(self, text):
        if text not in self.names:
            self.names[text] = self.name_bytes
            self.name_bytes += len(text) + 1
        return self.names[text]

    def default(self, field):
        number = default_number(field) if field.type in SCALARS and not field.is_array else 0
        if number not in self.defaults:
            self.defaults.append(number)
        return self.defaults.index(number)

    def field_row(self, struct, field):
        element = self.index[field.struct.name] if field.struct else 0
        tag = "UNTAGGED" if field.tag is None else field.tag
        numbers = [*field.versions, *field.nullable, tag, self.default(field)]
        return (
            f"    {{{self.name(field.name)}, offsetof(struct {struct.name}, {field.name}), {element}, "
            f"{field_kind(field)}, {field_flags(field)}, {', '.join(map(str, numbers))}}},"
        )

    def write_fields(self):
        fields, structs, count = [], [], 0
        for message, struct in self.structs:
            name, plain, tagged = struct.name, struct.plain, struct.tagged
            structs.append(
                f"    {{{count}, {len(plain)}, {len(tagged)}, sizeof(struct {name}), "
                f"offsetof(struct {name}, unknown), {smallest(message, struct)}}},"
            )
            fields += [self.field_row(struct, field) for field in plain + tagged]
            count += len(plain) + len(tagged)
        return (
            ["const struct field_schema schema_fields[] = {", *fields, "};", ""]
            + ["const struct struct_schema schema_structs[] = {", *structs, "};", ""]
            + ["const int64_t schema_defaults[] = {" + ", ".join(map(c_number, self.defaults)) + "};", ""]
            + ["const char schema_names[] ="] + [f'    "{name}\\0"' for name in self.names] + ["    ;", ""]
        )  # fmt: skip

    def write_types(self):
        out = []
        for m in self.messages:
            versions = ", ".join(map(str, (*m.versions, m.flexible)))
            out.append(f"const struct message_type {m.root.name}_type = "
                       f'{{"{m.name}", {self.index[m.root.name]}, {m.key}, MESSAGE_{m.kind.upper()}, {versions}}};')  # fmt: skip
        out += ["", "const struct message_type *kafka_message_type(size_t index)", "{"]
        out.append("    static const struct message_type *const types[] = {")
        out += [f"        &{m.root.name}_type," for m in self.messages]
        return out + ["    };", "    return index < sizeof types / sizeof types[0] ? types[index] : NULL;", "}", ""]

    def write_apis(self):
        requests = sorted((m for m in self.messages if m.kind == "request"), key=lambda m: m.key)
        rows = []
        for m in requests:
            base = snake(m.name)
            rows.append(f"    {{&{base}_request_type, &{base}_response_type}},")
        count = f"const size_t kafka_api_count = {len(rows)};"
        return ["const struct kafka_api kafka_apis[] = {", *rows, "};", count, ""]


def tables(messages):
    made = Tables(messages)
    headers = ['"kafka/api.h"', '"kafka/messages.h"', '"kafka/schema.h"', "<stddef.h>"]
    includes = [f"#include {name}" for name in headers]
    return "\n".join([BANNER, *includes, "", *made.write_fields(), *made.write_types(), *made.write_apis()])


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    messages = read_messages()
    (folder / "messages.h").write_text(header(messages), encoding="ascii")
    (folder / "messages.c").write_text(tables(messages), encoding="ascii")


if __name__ == "__main__":
    main()
