#include "check.h"
#include "http/sse.h"

static struct memory memory;
static writer w;

static bool written(const char *expected)
{
    bool same = writer_ok(&w) && slice_equal(writer_slice(&w), slice_of_text(expected));
    if (!same)
        printf("%.*s\n", SLICE_PRINT(writer_slice(&w)));
    writer_close(&w);
    return same && memory_total_bytes(&memory) == 0;
}

static void begin(void)
{
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_RESPONSES, 10000);
}

/* The WHATWG's examples, section 9.2.6, from the server's side. */
static void events_have_fields(void)
{
    begin();
    sse_write_comment(&w, "test stream");
    sse_write_event(&w, NULL_SLICE, slice_of_text("1"), slice_of_text("first event"));
    sse_write_event(&w, slice_of_text("add"), NULL_SLICE, slice_of_text("73857293"));
    sse_write_event(&w, NULL_SLICE, slice_of_text(""), slice_of_text(" third event"));
    sse_write_retry(&w, 1500);
    CHECK(written(
        ": test stream\n\nid: 1\ndata: first event\n\nevent: add\ndata: 73857293\n\nid: \ndata:  third event\n\n"
        "retry: 1500\n\n"));
}

static bool data_is(const char *data, const char *expected)
{
    begin();
    sse_write_event(&w, NULL_SLICE, NULL_SLICE, slice_of_text(data));
    return written(expected);
}

static void every_line_of_the_data_has_its_field(void)
{
    CHECK(data_is("YHOO\n+2\n10", "data: YHOO\ndata: +2\ndata: 10\n\n"));
    CHECK(data_is("a\r\nb\rc", "data: a\ndata: b\ndata: c\n\n"));
    CHECK(data_is("a\n\nb", "data: a\ndata: \ndata: b\n\n"));
    CHECK(data_is("a\n", "data: a\ndata: \n\n"));
    CHECK(data_is("a\r\n", "data: a\ndata: \n\n"));
    CHECK(data_is("\r", "data: \ndata: \n\n"));
    CHECK(data_is("", "data: \n\n"));
    CHECK(data_is("id: 7\n\nevent: evil", "data: id: 7\ndata: \ndata: event: evil\n\n"));
    begin();
    sse_write_event(&w, NULL_SLICE, slice_of_text("[]"), NULL_SLICE);
    CHECK(written("id: []\n\n"));
}

static void a_refused_allocation_fails_the_writer(void)
{
    begin();
    memory_fail_at(&memory, 0);
    sse_write_event(&w, NULL_SLICE, NULL_SLICE, slice_of_text("data"));
    CHECK(!writer_ok(&w));
    writer_close(&w);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("sse", CHECK_TEST(events_have_fields), CHECK_TEST(every_line_of_the_data_has_its_field),
      CHECK_TEST(a_refused_allocation_fails_the_writer))
