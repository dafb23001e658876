#include "listener.h"

#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG     511
#define ACCEPT_TURN 64
#define PAUSE_MS    500

struct listener {
    struct listeners *all;
    struct listener *next;
    uv_poll_t poll;
    uv_timer_t pause;
    int handles; /* not closed yet */
    int descriptor;
    struct address address;
};

struct listeners {
    struct server *server;
    const struct connection_dialect *dialect;
    struct listener *first;
    struct log_limit shortages;
};

/* ---- accepting ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void resume(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void pause_listening(struct listener *listener, int code)
{
    struct listeners *all = listener->all;
    log_line_limited(all->server->logger, &all->shortages, LOG_WARN, "listener",
                     "protocol=%s pause_ms=%d cannot accept: %s", all->dialect->name, PAUSE_MS, status_text(code));
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->pause, resume, PAUSE_MS, 0);
}

/* Errors of one connection that was gone before it was accepted. */
static bool is_passing(int code)
{
    return code == EINTR || code == ECONNABORTED || code == EPROTO || code == EPERM;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct listener *listener = poll->data;
    struct listeners *all = listener->all;
    for (int i = 0; status == 0 && i < ACCEPT_TURN; i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNIX};
        socklen_t size = sizeof peer;
        int descriptor = accept4(listener->descriptor, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0)
            connections_accept(all->server->connections, descriptor, (struct sockaddr *)&peer, all->dialect);
        else if (errno == EAGAIN)
            return;
        else if (!is_passing(errno)) {
            pause_listening(listener, -errno);
            return;
        }
    }
}

/* ---- opening ---- */

/* An old socket that nobody serves any more stands in the way of a new one. Connecting to any other file is refused
 * just so, and that one is not ours. */
static void remove_stale_socket(const struct address *address)
{
    struct stat old;
    if (lstat(address->host, &old) != 0 || !S_ISSOCK(old.st_mode))
        return;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return;
    if (connect(probe, (const struct sockaddr *)&address->socket, address->size) != 0 && errno == ECONNREFUSED)
        unlink(address->host);
    close(probe);
}

static int open_socket(const struct address *address, int *opened)
{
    int family = address->socket.ss_family;
    int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    if (family == AF_UNIX)
        remove_stale_socket(address);
    else
        (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (family == AF_INET6) /* "every address" means those of IPv4 too */
        (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &(int){address->host[0] != '\0'}, sizeof(int));
    if (bind(descriptor, (const struct sockaddr *)&address->socket, address->size) != 0 ||
        listen(descriptor, BACKLOG) != 0) {
        int rc = -errno;
        close(descriptor);
        return rc;
    }
    *opened = descriptor;
    return 0;
}

/* False for a unix: socket. */
static bool find_bound(const struct listener *listener, char host[ADDRESS_TEXT_MAX], uint16_t *port)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (listener->address.socket.ss_family == AF_UNIX ||
        getsockname(listener->descriptor, (struct sockaddr *)&bound, &size) != 0)
        return false;
    address_print_host((struct sockaddr *)&bound, host, port);
    return true;
}

static void log_listening(struct listener *listener)
{
    struct logger *logger = listener->all->server->logger;
    const char *protocol = listener->all->dialect->name;
    char host[ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    if (find_bound(listener, host, &port))
        log_info(logger, "listener", "protocol=%s address=%s port=%u listening", protocol, host, port);
    else
        log_info(logger, "listener", "protocol=%s address=unix:%s listening", protocol, listener->address.host);
}

/* The list is from the last one opened to the first. */
uint16_t listeners_port(const struct listeners *listeners)
{
    char host[ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    for (const struct listener *listener = listeners->first; listener != NULL; listener = listener->next)
        (void)find_bound(listener, host, &port);
    return port;
}

static int open_listener(struct listeners *all, const struct address *address, struct error *error)
{
    struct server *server = all->server;
    struct listener *listener = memory_alloc_zeroed(server->memory, MEMORY_CONNECTIONS, sizeof *listener);
    if (listener == NULL)
        return error_set_status(error, -ENOMEM, "listener");
    listener->all = all;
    listener->address = *address;
    int rc = open_socket(address, &listener->descriptor);
    if (rc != 0)
        goto err_free;
    rc = uv_poll_init(server->loop, &listener->poll, listener->descriptor);
    if (rc != 0)
        goto err_close;
    uv_timer_init(server->loop, &listener->pause);
    listener->poll.data = listener;
    listener->pause.data = listener;
    listener->handles = 2;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    listener->next = all->first;
    all->first = listener;
    log_listening(listener);
    return 0;

err_close:
    close(listener->descriptor);
err_free:
    memory_free(server->memory, MEMORY_CONNECTIONS, listener, sizeof *listener);
    if (address->socket.ss_family == AF_UNIX)
        return error_set_status(error, rc, "cannot listen on unix:%s", address->host);
    return error_set_status(error, rc, "cannot listen on %s:%u", address->host, address->port);
}

/* The list's next address; 1 at its end. */
static int next_address(const char **list, bool anywhere, struct address *address, struct error *error)
{
    *list += strspn(*list, ", \t");
    size_t size = strcspn(*list, ", \t");
    if (size == 0)
        return 1;
    int rc = address_parse(slice_of(*list, size), address, error);
    *list += size;
    if (rc == 0 && !anywhere && !address_is_loopback(address))
        rc = error_set(error, -EACCES,
                       "%s:%u can be reached from elsewhere, and clients are not asked who they are; "
                       "allow.unauthenticated=true permits that",
                       address->host, address->port);
    return rc != 0 ? error_wrap(error, rc, "listeners") : 0;
}

int listeners_check(const char *list, bool anywhere, struct error *error)
{
    struct address address;
    int rc = next_address(&list, anywhere, &address, error);
    if (rc == 1)
        return error_set(error, -EINVAL, "listeners is empty: nobody could connect");
    while (rc == 0)
        rc = next_address(&list, anywhere, &address, error);
    return rc < 0 ? rc : 0;
}

int listeners_check_advertised(const char *list, struct error *error)
{
    struct address address;
    const char *text = list + strspn(list, ", \t");
    size_t size = strcspn(text, ", \t");
    if (list[0] == '\0')
        return 0;
    if (text[size + strspn(text + size, ", \t")] != '\0')
        return error_set(error, -EINVAL, "advertised.listeners: %s: must be one HOST:PORT", list);
    int rc = address_split(slice_of(text, size), &address, error);
    if (rc != 0)
        return error_wrap(error, rc, "advertised.listeners");
    if (address_is_reachable(&address))
        return 0;
    return error_set(error, -EINVAL, "advertised.listeners: %s: must be a HOST:PORT that clients can connect to", list);
}

int listeners_open(struct server *server, const char *list, const struct connection_dialect *dialect, bool anywhere,
                   struct listeners **opened, struct error *error)
{
    struct address address;
    struct listeners *all = memory_alloc_zeroed(server->memory, MEMORY_CONNECTIONS, sizeof *all);
    if (all == NULL)
        return error_set_status(error, -ENOMEM, "listeners");
    all->server = server;
    all->dialect = dialect;
    int rc;
    while ((rc = next_address(&list, anywhere, &address, error)) == 0) {
        rc = open_listener(all, &address, error);
        if (rc != 0)
            break;
    }
    if (rc < 0) {
        listeners_close(all);
        return rc;
    }
    *opened = all;
    return 0;
}

/* ---- closing ---- */

static void free_listener(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->handles != 0)
        return;
    struct listeners *all = listener->all;
    struct memory *memory = all->server->memory;
    struct listener **link = &all->first;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    memory_free(memory, MEMORY_CONNECTIONS, listener, sizeof *listener);
    if (all->first == NULL)
        memory_free(memory, MEMORY_CONNECTIONS, all, sizeof *all);
}

void listeners_close(struct listeners *all)
{
    if (all->first == NULL)
        memory_free(all->server->memory, MEMORY_CONNECTIONS, all, sizeof *all);
    else
        for (struct listener *listener = all->first; listener != NULL; listener = listener->next) {
            uv_close((uv_handle_t *)&listener->poll, free_listener);
            uv_close((uv_handle_t *)&listener->pause, free_listener);
            close(listener->descriptor);
            if (listener->address.socket.ss_family == AF_UNIX)
                unlink(listener->address.host);
        }
}
