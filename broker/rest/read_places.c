#include "rest/read_places.h"

#include "base64.h"
#include "crc32c.h"
#include "http/parameters.h"

#define PACKED '~'
/* Each is at least two bytes long. */
#define PACKED_MAX ((size_t)1 << 16)

uint32_t read_place_hash(slice topic)
{
    return crc32c(0, topic.data, topic.size);
}

bool read_place_names(const struct read_place *place, const struct record_part *part, uint32_t topic_hash)
{
    if (place->partition != -1 && place->partition != part->partition)
        return false;
    if (place->is_packed)
        return place->topic_hash == topic_hash;
    return slice_is_null(place->topic) || slice_equal(place->topic, part->topic);
}

static bool add(struct arena *arena, struct read_place **places, struct read_place place)
{
    struct read_place *added = arena_alloc(arena, sizeof *added);
    if (added == NULL)
        return false;
    *added = place;
    added->next = *places;
    *places = added;
    return true;
}

/* ---- as people write them ---- */

static bool take_number(slice text, int64_t most, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || *number > (most - digit) / 10)
            return false;
        *number = 10 * *number + digit;
    }
    return text.size != 0;
}

/* Takes what stands behind the last colon; topics' names may have some. */
static bool take_last(slice *text, slice *part)
{
    size_t i = text->size;
    while (i > 0 && text->data[i - 1] != ':')
        i--;
    *part = slice_of(text->data + i, text->size - i);
    bool has_more = i != 0;
    *text = slice_of(text->data, has_more ? i - 1 : 0);
    return has_more;
}

static bool parse_place(slice text, struct read_place *place)
{
    slice part;
    int64_t partition;
    bool has_partition = take_last(&text, &part);
    place->partition = -1;
    place->topic = NULL_SLICE;
    if (!take_number(part, INT64_MAX - 1, &place->offset))
        return false;
    if (!has_partition)
        return true;
    bool has_topic = take_last(&text, &part);
    if (!take_number(part, INT32_MAX, &partition))
        return false;
    place->partition = (int32_t)partition;
    if (has_topic)
        place->topic = text;
    return true;
}

/* ---- packed ---- */

static size_t topic_end(const struct record_part *parts, size_t count, size_t first)
{
    size_t end = first;
    while (end < count && slice_equal(parts[end].topic, parts[first].topic))
        end++;
    return end;
}

static bool is_named(int64_t position)
{
    return position != 0 && position != RECORD_PART_GONE;
}

static void pack_topic(const struct record_part *parts, const int64_t *positions, size_t count, writer *w)
{
    uint32_t named = 0;
    for (size_t i = 0; i < count; i++)
        named += is_named(positions[i]);
    if (named == 0)
        return;
    write_u32(w, read_place_hash(parts[0].topic));
    write_unsigned_varint(w, named);
    int32_t before = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_named(positions[i]))
            continue;
        write_unsigned_varint(w, (uint32_t)(parts[i].partition - before));
        write_unsigned_varlong(w, (uint64_t)positions[i]);
        before = parts[i].partition;
    }
}

/* RFC 4648, section 5. */
static void write_for_url(writer *w, slice bytes)
{
    size_t begin = w->size, padding = (3 - bytes.size % 3) % 3;
    base64_write(w, bytes);
    for (size_t i = begin; writer_ok(w) && i < w->size; i++)
        w->data[i] = w->data[i] == '+' ? '-' : w->data[i] == '/' ? '_' : w->data[i];
    if (writer_ok(w))
        writer_cut(w, w->size - padding);
}

void read_places_pack(const struct record_part *parts, int32_t count, const int64_t *positions, writer *w)
{
    writer packed;
    writer_init(&packed, w->memory, w->purpose, PACKED_MAX);
    for (size_t i = 0, end; i < (size_t)count; i = end) {
        end = topic_end(parts, (size_t)count, i);
        pack_topic(parts + i, positions + i, end - i, &packed);
    }
    write_u8(w, PACKED);
    write_for_url(w, writer_slice(&packed));
    w->failed |= packed.failed;
    writer_close(&packed);
}

/* NULL: it is none, or the arena is full. */
static uint8_t *decode(slice text, struct arena *arena, size_t *size)
{
    size_t padded = (text.size + 3) / 4 * 4;
    uint8_t *bytes = arena_alloc(arena, padded);
    if (bytes == NULL)
        return NULL;
    for (size_t i = 0; i < padded; i++) {
        uint8_t c = i < text.size ? text.data[i] : '=';
        bytes[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    return base64_decode(slice_of(bytes, padded), bytes, size) ? bytes : NULL;
}

static bool unpack_topic(reader *r, bool is_after, struct arena *arena, struct read_place **places)
{
    uint32_t hash = read_u32(r), count = read_unsigned_varint(r), partition = 0;
    for (uint32_t i = 0; i < count; i++) {
        partition += read_unsigned_varint(r);
        uint64_t offset = read_unsigned_varlong(r);
        if (!reader_ok(r) || partition > INT32_MAX || offset >= INT64_MAX)
            return false;
        if (!add(arena, places,
                 (struct read_place){.partition = (int32_t)partition,
                                     .offset = (int64_t)offset + is_after,
                                     .is_packed = true,
                                     .topic_hash = hash}))
            return false;
    }
    return true;
}

static bool unpack(slice text, bool is_after, struct arena *arena, struct read_place **places)
{
    size_t size;
    const uint8_t *bytes = decode(text, arena, &size);
    if (bytes == NULL)
        return false;
    reader r = reader_of(slice_of(bytes, size));
    bool is_right = true;
    while (is_right && reader_left(&r) != 0)
        is_right = unpack_topic(&r, is_after, arena, places);
    return is_right && reader_ok(&r);
}

bool read_places_parse(slice list, bool is_after, struct arena *arena, struct read_place **places)
{
    slice item;
    bool is_right = true;
    while (is_right && http_next_item(&list, &item)) {
        struct read_place place = {.next = NULL};
        if (item.size != 0 && item.data[0] == PACKED) {
            is_right = unpack(slice_of(item.data + 1, item.size - 1), is_after, arena, places);
            continue;
        }
        is_right = parse_place(item, &place);
        place.offset += is_after;
        is_right = is_right && add(arena, places, place);
    }
    return is_right;
}
