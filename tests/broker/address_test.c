#include "address.h"

#include "check.h"

#include <errno.h>
#include <netinet/in.h>

static struct address address;
static struct error error;

static int parse(const char *text)
{
    return address_parse(slice_of_text(text), &address, &error);
}

static const char *printed(void)
{
    static char text[ADDRESS_TEXT_MAX];
    address_print((struct sockaddr *)&address.socket, text);
    return text;
}

static void addresses_are_read_as_people_write_them(void)
{
    static const char *const forms[][2] = {
        {"127.0.0.1:9092", "127.0.0.1:9092"},
        {"PLAINTEXT://127.0.0.1:9092", "127.0.0.1:9092"},
        {"localhost:0", "127.0.0.1:0"},
        {"[::1]:9092", "[::1]:9092"},
        {"plaintext://[::1]:65535", "[::1]:65535"},
        {"0.0.0.0:1", "0.0.0.0:1"},
        {":9092", "[::]:9092"},
        {"PLAINTEXT://:9092", "[::]:9092"},
        {"unix:/run/furrow.sock", "unix"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        CHECK_EQUAL(parse(forms[i][0]), 0);
        CHECK(strcmp(printed(), forms[i][1]) == 0);
    }
}

static void what_is_no_address_is_refused_in_words(void)
{
    static const char *const wrong[] = {"",     "host",  "127.0.0.1",  "127.0.0.1:", "127.0.0.1:x",
                                        ":-1x", "a:1:x", "host:65536", "unix:",      "PLAINTEXT://"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(parse(wrong[i]), -EINVAL);
        CHECK(strlen(error.message) > 10);
    }
    char long_path[300] = "unix:/";
    memset(long_path + 6, 'x', sizeof long_path - 7);
    CHECK_EQUAL(parse(long_path), -EINVAL);
}

static void what_would_not_be_plain_text_is_refused(void)
{
    static const char *const wrong[] = {
        "SSL://127.0.0.1:9092",     "SASL_SSL://127.0.0.1:9092", "SASL_PLAINTEXT://127.0.0.1:9092",
        "FOO://127.0.0.1:9092",     "://127.0.0.1:9092",         "SSL://unix:/run/furrow.sock",
        "PLAINTEX://127.0.0.1:9092"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(parse(wrong[i]), -EINVAL);
        CHECK(strncmp(error.message, wrong[i], strlen(wrong[i])) == 0);
        CHECK(strstr(error.message, "only PLAINTEXT is served") != NULL);
    }
}

static void only_this_machine_reaches_loopback(void)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {{"127.0.0.1:1", true},  {"127.8.9.10:1", true}, {"[::1]:1", true}, {"unix:/x", true},
                 {"0.0.0.0:1", false},   {":1", false},          {"[::]:1", false}, {"192.168.1.1:1", false},
                 {"128.0.0.1:1", false}, {"[fe80::1]:1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        REQUIRE(parse(cases[i].text) == 0);
        CHECK(address_is_loopback(&address) == cases[i].loopback);
    }
}

static slice key_of(const char *text, struct address *of)
{
    REQUIRE(address_parse(slice_of_text(text), of, &error) == 0);
    return address_key((struct sockaddr *)&of->socket);
}

static void limits_go_by_address_or_by_network(void)
{
    struct address a, b;
    CHECK(slice_equal(key_of("10.0.0.1:1", &a), key_of("10.0.0.1:2", &b)));
    CHECK(!slice_equal(key_of("10.0.0.1:1", &a), key_of("10.0.0.2:1", &b)));
    CHECK(slice_equal(key_of("[2001:db8:1:2::1]:1", &a), key_of("[2001:db8:1:2:ffff::9]:2", &b)));
    CHECK(!slice_equal(key_of("[2001:db8:1:2::1]:1", &a), key_of("[2001:db8:1:3::1]:1", &b)));
    CHECK(slice_equal(key_of("[::ffff:10.0.0.1]:1", &a), key_of("10.0.0.1:2", &b)));
    CHECK(slice_equal(key_of("unix:/a", &a), key_of("unix:/b", &b)));
}

static void an_ipv4_peer_of_an_ipv6_socket_is_shown_as_ipv4(void)
{
    REQUIRE(parse("[::ffff:10.0.0.1]:7") == 0);
    CHECK(strcmp(printed(), "10.0.0.1:7") == 0);
}

static void splitting_looks_no_name_up(void)
{
    CHECK_EQUAL(address_split(slice_of_text("PLAINTEXT://no.such.host.example:9092"), &address, &error), 0);
    CHECK(strcmp(address.host, "no.such.host.example") == 0);
    CHECK_EQUAL(address.port, 9092);
}

SUITE("address", CHECK_TEST(addresses_are_read_as_people_write_them),
      CHECK_TEST(what_is_no_address_is_refused_in_words), CHECK_TEST(what_would_not_be_plain_text_is_refused),
      CHECK_TEST(only_this_machine_reaches_loopback), CHECK_TEST(limits_go_by_address_or_by_network),
      CHECK_TEST(an_ipv4_peer_of_an_ipv6_socket_is_shown_as_ipv4), CHECK_TEST(splitting_looks_no_name_up))
