/* A whole server in a folder of its own, with clients in threads: how it stops. */
#include "server.h"

#include "address.h"
#include "batch_builder.h"
#include "check.h"
#include "kafka/api.h"
#include "server_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct server_fixture f;
static char folder[64];
static char socket_path[96];
static char listeners[128];

/* ---- clients ---- */

struct client {
    pthread_t thread;
    struct memory memory;
    writer requests;
    sem_t may_go; /* when it does not read */
    bool reads;   /* what it is answered, until the server ends; else it never reads */
    int answers;
    bool was_ended; /* by the server, in good order */
};

static int connect_to_server(void)
{
    struct address address;
    REQUIRE(address_parse(slice_of_text(listeners), &address, NULL) == 0);
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(peer >= 0 && connect(peer, (const struct sockaddr *)&address.socket, address.size) == 0);
    return peer;
}

static void *run_client(void *context)
{
    struct client *client = context;
    static _Thread_local uint8_t bytes[1 << 16];
    size_t size = 0;
    int peer = connect_to_server();
    ssize_t got = send(peer, client->requests.data, client->requests.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (client->reads && (got = recv(peer, bytes + size, sizeof bytes - size, 0)) > 0) {
        size += (size_t)got;
        while (size >= 4 && size - 4 >= load_u32(bytes)) {
            size_t taken = 4 + load_u32(bytes);
            client->answers++;
            size -= taken;
            memmove(bytes, bytes + taken, size);
        }
    }
    client->was_ended = got == 0;
    if (!client->reads)
        (void)sem_wait(&client->may_go);
    close(peer);
    return NULL;
}

static void client_init(struct client *client, bool reads)
{
    *client = (struct client){.reads = reads};
    REQUIRE(sem_init(&client->may_go, 0, 0) == 0);
    memory_init(&client->memory);
    writer_init(&client->requests, &client->memory, MEMORY_SERVER, 1 << 20);
}

static void add_request(struct client *client, const struct message_type *type, int16_t key, int16_t version,
                        const void *message)
{
    writer *w = &client->requests;
    struct request_header header = REQUEST_HEADER_DEFAULTS;
    header.request_api_key = key;
    header.request_api_version = version;
    size_t start = w->size;
    size_t length = write_reserved_u32(w);
    REQUIRE(kafka_encode_request_header(&header, w) == 0 && kafka_encode(type, version, message, w) == 0);
    writer_set_u32(w, length, (uint32_t)(w->size - start - 4));
}

static void ask_for_topic(struct client *client)
{
    struct metadata_request_topic topic = METADATA_REQUEST_TOPIC_DEFAULTS;
    struct metadata_request metadata = METADATA_REQUEST_DEFAULTS;
    topic.name = slice_of_text("orders");
    metadata.topics = (struct metadata_request_topic_array){&topic, 1};
    add_request(client, &metadata_request_type, API_METADATA, 4, &metadata);
}

/* One record, to be answered when it is on the disk. */
static void produce(struct client *client)
{
    struct memory memory;
    struct batch_builder builder;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_SERVER, 1 << 10);
    batch_builder_open(&builder, &w, &BATCH_OPTIONS_PLAIN);
    batch_builder_add(&builder, 1700000000000, NULL_SLICE, slice_of_text("a record"));
    REQUIRE(batch_builder_close(&builder, NULL) == 0);
    struct produce_request_partition partition = PRODUCE_REQUEST_PARTITION_DEFAULTS;
    struct produce_request_topic topic = PRODUCE_REQUEST_TOPIC_DEFAULTS;
    struct produce_request request = PRODUCE_REQUEST_DEFAULTS;
    partition.records = writer_slice(&w);
    topic.name = slice_of_text("orders");
    topic.partition_data = (struct produce_request_partition_array){&partition, 1};
    request.acks = -1;
    request.topic_data = (struct produce_request_topic_array){&topic, 1};
    add_request(client, &produce_request_type, API_PRODUCE, 7, &request);
    writer_close(&w);
}

/* Waits a minute for more than will ever come. */
static void fetch_long(struct client *client)
{
    struct fetch_request_partition partition = FETCH_REQUEST_PARTITION_DEFAULTS;
    struct fetch_request_topic topic = FETCH_REQUEST_TOPIC_DEFAULTS;
    struct fetch_request request = FETCH_REQUEST_DEFAULTS;
    partition.partition_max_bytes = 1 << 20;
    topic.topic = slice_of_text("orders");
    topic.partitions = (struct fetch_request_partition_array){&partition, 1};
    request.max_wait_ms = 60000;
    request.min_bytes = 1 << 20;
    request.topics = (struct fetch_request_topic_array){&topic, 1};
    add_request(client, &fetch_request_type, API_FETCH, 4, &request);
}

static void client_start(struct client *client)
{
    REQUIRE(pthread_create(&client->thread, NULL, run_client, client) == 0);
}

static void client_join(struct client *client)
{
    (void)sem_post(&client->may_go);
    pthread_join(client->thread, NULL);
    writer_close(&client->requests);
}

/* ---- servers ---- */

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/furrow-server-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(socket_path, sizeof socket_path, "%s.socket", folder);
    snprintf(listeners, sizeof listeners, "unix:%s", socket_path);
}

static void remove_all(const char *path)
{
    DIR *entries = opendir(path);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(inner) != 0)
            remove_all(inner);
    }
    if (entries != NULL)
        closedir(entries);
    (void)rmdir(path);
}

static void prepare_server(unsigned sync_delay_ms)
{
    char list[192], delay[64];
    snprintf(list, sizeof list, "listeners=%s", listeners);
    snprintf(delay, sizeof delay, "log.flush.test.delay.ms=%u", sync_delay_ms);
    server_fixture_open(&f, (const char *const[]){list, delay, NULL});
}

static void end_fixture(void)
{
    f.server.disk = NULL; /* the server has closed it */
    CHECK(server_fixture_close(&f));
}

static bool has_saved_time(void)
{
    char path[sizeof folder + 32];
    snprintf(path, sizeof path, "%s/furrow-clock-checkpoint", folder);
    return access(path, F_OK) == 0 && unlink(path) == 0;
}

static bool had_saved_time; /* while it ran */
static int patience;        /* so many periods it may take until it is saved */

static void on_time_to_stop(uv_timer_t *timer)
{
    had_saved_time = has_saved_time();
    if (!had_saved_time && patience > 0) {
        patience--;
        return;
    }
    kill(getpid(), SIGTERM);
    if (--*(int *)timer->data == 0)
        uv_close((uv_handle_t *)timer, NULL);
}

/* Serves until SIGTERM has come `times`, each after_ms behind the last. Returns how long the whole took. */
static int64_t run_server(unsigned after_ms, int times)
{
    uv_timer_t timer;
    uv_update_time(&f.loop);
    uv_timer_init(&f.loop, &timer);
    timer.data = &times;
    uv_timer_start(&timer, on_time_to_stop, after_ms, after_ms);
    uint64_t start = uv_hrtime();
    CHECK_EQUAL(server_run(&f.server, &f.error), 0);
    int64_t took = (int64_t)((uv_hrtime() - start) / 1000000);
    if (times != 0) /* it ended by itself, and no signal may come any more */
        uv_close((uv_handle_t *)&timer, NULL);
    server_close(&f.server);
    CHECK_EQUAL(times, 0);
    end_fixture();
    return took;
}

static void make_topic(void)
{
    struct client client;
    prepare_server(0);
    REQUIRE(server_open(&f.server, folder, &f.error) == 0);
    client_init(&client, true);
    ask_for_topic(&client);
    client_start(&client);
    (void)run_server(300, 1);
    client_join(&client);
    CHECK_EQUAL(client.answers, 1);
}

/* ---- tests ---- */

static void requests_in_flight_are_answered_before_it_stops(void)
{
    struct client producer, consumer, quiet;
    make_folder();
    make_topic();
    prepare_server(400);
    REQUIRE(server_open(&f.server, folder, &f.error) == 0);
    client_init(&producer, true);
    client_init(&consumer, true);
    client_init(&quiet, true);
    for (int i = 0; i < 3; i++)
        produce(&producer);
    fetch_long(&consumer);
    client_start(&producer);
    client_start(&consumer);
    client_start(&quiet);
    CHECK(run_server(200, 1) < 4000); /* nobody needed the grace */
    client_join(&producer);
    client_join(&consumer);
    client_join(&quiet);
    CHECK_EQUAL(producer.answers, 3);
    CHECK_EQUAL(consumer.answers, 1);
    CHECK(producer.was_ended && consumer.was_ended && quiet.was_ended);
    CHECK(access(socket_path, F_OK) != 0);

    prepare_server(0);
    REQUIRE(server_open(&f.server, folder, &f.error) == 0);
    CHECK(f.server.start.clean);
    const struct topic *topic = topics_find(&f.server.topics, slice_of_text("orders"));
    REQUIRE(topic != NULL);
    CHECK_EQUAL(log_end_offset(topic->partitions[0]->log), 3);
    (void)run_server(1, 1);
    remove_all(folder);
}

/* It has asked for much and takes nothing. */
static void asked_twice_it_waits_for_nobody(void)
{
    struct client deaf;
    make_folder();
    prepare_server(0);
    REQUIRE(server_open(&f.server, folder, &f.error) == 0);
    client_init(&deaf, false);
    struct api_versions_request versions = API_VERSIONS_REQUEST_DEFAULTS;
    for (int i = 0; i < 4000; i++)
        add_request(&deaf, &api_versions_request_type, API_API_VERSIONS, 0, &versions);
    client_start(&deaf);
    int64_t took = run_server(200, 2);
    CHECK(took >= 400 && took < 4000);
    client_join(&deaf);
    remove_all(folder);
}

/* A record that is stamped now, by whatever clock, is not to look old after a power cut. */
static void what_is_known_of_the_time_is_saved_by_each_start(void)
{
    make_folder();
    for (int i = 0; i < 2; i++) {
        prepare_server(0);
        REQUIRE(server_open(&f.server, folder, &f.error) == 0);
        CHECK(f.server.start.clean);
        CHECK(!has_saved_time());
        patience = 200;
        (void)run_server(50, 1);
        patience = 0;
        CHECK(had_saved_time);
        CHECK(has_saved_time()); /* by the stop */
    }
    remove_all(folder);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *entries = opendir("/proc/self/fd");
    REQUIRE(entries != NULL);
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count;
}

/* Without the defaults that the configuration has learnt from the disk, which stay with it. */
static size_t bytes_in_use(void)
{
    size_t bytes = memory_total_bytes(&f.memory);
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        const char *text = config_text_of(f.server.config, id, CONFIG_OF_DEFAULT);
        bytes -= text != NULL ? strlen(text) + 1 : 0;
    }
    return bytes;
}

static void a_start_that_fails_leaves_nothing_open(void)
{
    make_folder();
    prepare_server(0);
    int taken = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct address address;
    REQUIRE(address_parse(slice_of_text(listeners), &address, NULL) == 0);
    REQUIRE(bind(taken, (const struct sockaddr *)&address.socket, address.size) == 0 && listen(taken, 1) == 0);
    size_t before = bytes_in_use();
    CHECK_EQUAL(server_open(&f.server, folder, &f.error), -EADDRINUSE);
    CHECK(!f.server.folder_failed);
    CHECK_EQUAL(bytes_in_use(), before);
    CHECK(!uv_loop_alive(&f.loop));
    close(taken);
    REQUIRE(server_open(&f.server, folder, &f.error) == 0);
    (void)run_server(1, 1);
    remove_all(folder);
}

static void a_start_that_fails_by_its_folder_says_so(void)
{
    make_folder();
    prepare_server(0);
    char file[96];
    snprintf(file, sizeof file, "%s/holiday.jpg", folder);
    FILE *photo = fopen(file, "w");
    REQUIRE(photo != NULL);
    fclose(photo);
    CHECK_EQUAL(server_open(&f.server, folder, &f.error), -ENOTEMPTY);
    CHECK(f.server.folder_failed);
    end_fixture();
    remove_all(folder);
}

static void any_allocation_of_the_start_may_fail(void)
{
    bool more = true;
    make_folder();
    make_topic();
    for (int64_t nth = 0; more; nth++) {
        prepare_server(0);
        size_t before = bytes_in_use();
        unsigned descriptors = open_descriptors();
        memory_fail_at(&f.memory, nth);
        int rc = server_open(&f.server, folder, &f.error);
        more = !memory_fail_pending(&f.memory);
        memory_fail_at(&f.memory, -1);
        if (rc == 0) {
            (void)run_server(1, 1);
            continue;
        }
        CHECK_EQUAL(rc, -ENOMEM);
        CHECK_EQUAL(bytes_in_use(), before);
        CHECK_EQUAL(open_descriptors(), descriptors);
        end_fixture();
    }
    remove_all(folder);
}

SUITE("server", CHECK_TEST(requests_in_flight_are_answered_before_it_stops),
      CHECK_TEST(asked_twice_it_waits_for_nobody), CHECK_TEST(what_is_known_of_the_time_is_saved_by_each_start),
      CHECK_TEST(a_start_that_fails_leaves_nothing_open), CHECK_TEST(a_start_that_fails_by_its_folder_says_so),
      CHECK_TEST(any_allocation_of_the_start_may_fail))
