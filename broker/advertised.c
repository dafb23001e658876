#include "advertised.h"

#include "address.h"
#include "server.h"

#include <stdio.h>

bool advertised_listener(const struct config *config, char host[ADVERTISED_HOST_MAX], uint16_t *port)
{
    struct address advertised;
    const char *list = config_string(config, CONFIG_ADVERTISED_LISTENERS);
    list += strspn(list, ", \t");
    if (list[0] == '\0' || address_split(slice_of(list, strcspn(list, ", \t")), &advertised, NULL) != 0)
        return false;
    snprintf(host, ADVERTISED_HOST_MAX, "%s", advertised.host);
    *port = advertised.port;
    return true;
}

void advertised_by_connection(const struct connection *connection, char host[ADVERTISED_HOST_MAX], uint16_t *port)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    snprintf(host, ADVERTISED_HOST_MAX, "localhost");
    *port = 0;
    if (connection != NULL && getsockname(connection->transport.descriptor, (struct sockaddr *)&address, &size) == 0 &&
        address.ss_family != AF_UNIX)
        address_print_host((struct sockaddr *)&address, host, port);
}
