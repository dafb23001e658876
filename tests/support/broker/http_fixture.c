#include "http_fixture.h"

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define HEARD_MAX ((size_t)1 << 20)

void http_fixture_open(struct server_fixture *f, const struct http_api *const *apis, const char *const *settings)
{
    signal(SIGPIPE, SIG_IGN);
    server_fixture_open(f, settings);
    REQUIRE(server_fixture_open_connections(f) == 0);
    f->server.http_apis = apis;
}

void http_fixture_close(struct server_fixture *f)
{
    server_fixture_close_connections(f);
    CHECK(server_fixture_close(f));
}

int http_fixture_connect(struct server_fixture *f)
{
    return server_fixture_connect(f, &http_dialect, "10.0.0.1");
}

void http_fixture_say_bytes(struct server_fixture *f, int peer, slice bytes)
{
    CHECK_EQUAL(write(peer, bytes.data, bytes.size), bytes.size);
    server_fixture_turn(f);
}

void http_fixture_say(struct server_fixture *f, int peer, const char *text)
{
    http_fixture_say_bytes(f, peer, slice_of_text(text));
}

static uint8_t heard[HEARD_MAX];

slice http_fixture_hear_bytes(int peer)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(peer, heard + size, HEARD_MAX - 16 - size);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            size += (size_t)sprintf((char *)heard + size, got == 0 ? "<end>" : "<reset>");
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    return slice_of(heard, size);
}

const char *http_fixture_hear(int peer)
{
    char *text = (char *)heard;
    size_t size = http_fixture_hear_bytes(peer).size;
    for (size_t i = 0; i < size; i++)
        text[i] = text[i] == '\0' ? '?' : text[i];
    text[size] = '\0';
    for (char *date; (date = strstr(text, "Date: ")) != NULL;) {
        char *rest = strstr(date, "\r\n") + 2;
        memmove(date, rest, strlen(rest) + 1);
    }
    return text;
}

void http_fixture_check_hears(int peer, const char *expected)
{
    const char *text = http_fixture_hear(peer);
    bool same = strcmp(text, expected) == 0;
    if (!same)
        printf("\nheard:\n%s\nexpected:\n%s\n", text, expected);
    CHECK(same);
}

bool http_fixture_hears_status(int peer, int status)
{
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    const char *text = http_fixture_hear(peer);
    bool same = strncmp(text, line, strlen(line)) == 0;
    if (!same)
        printf("\nheard:\n%s\nexpected: %d\n", text, status);
    return same;
}
