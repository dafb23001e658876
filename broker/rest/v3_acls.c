/* ACLs, as on a broker without an authorizer: what is asked for is read as strictly as if there were one. */
#include "rest/rest_failure.h"
#include "rest/v3.h"

#include <stddef.h>

#define WORDS "No Authorizer is configured."

struct acl {
    slice resource_type, resource_name, pattern_type, principal, host, operation, permission;
};

#define FIELD(name)                                                                                                    \
    {                                                                                                                  \
#name, REST_TEXT, true, offsetof(struct acl, name)                                                             \
    }

static const struct rest_field acl_fields[] = {
    FIELD(resource_type), FIELD(resource_name), FIELD(pattern_type), FIELD(principal),
    FIELD(host),          FIELD(operation),     FIELD(permission),
};

/* What a rule can say, each with a bar before and behind. */
static bool is_one_of(slice text, const char *choices)
{
    char wanted[32];
    if (text.size + 3 > sizeof wanted)
        return false;
    snprintf(wanted, sizeof wanted, "|%.*s|", SLICE_PRINT(text));
    return strstr(choices, wanted) != NULL;
}

/* 0, or the error_code of REST: a rule says something of its own, not ANY. */
static int check_acl(const struct acl *acl, struct error *error)
{
    const struct {
        const char *name;
        slice text;
        const char *choices;
    } fields[] = {
        {"resource_type", acl->resource_type, "|TOPIC|GROUP|CLUSTER|TRANSACTIONAL_ID|DELEGATION_TOKEN|"},
        {"pattern_type", acl->pattern_type, "|LITERAL|PREFIXED|"},
        {"operation", acl->operation,
         "|ALL|READ|WRITE|CREATE|DELETE|ALTER|DESCRIBE|CLUSTER_ACTION|DESCRIBE_CONFIGS|ALTER_CONFIGS|"
         "IDEMPOTENT_WRITE|"},
        {"permission", acl->permission, "|ALLOW|DENY|"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (!is_one_of(fields[i].text, fields[i].choices))
            return error_set(error, 400, "%s cannot be %.*s", fields[i].name,
                             fields[i].text.size < 64 ? (int)fields[i].text.size : 64,
                             (const char *)fields[i].text.data);
    return 0;
}

static void refuse(struct http_exchange *exchange)
{
    rest_reply_failure(exchange, KAFKA_SECURITY_DISABLED, WORDS);
}

void v3_search_acls(struct http_exchange *exchange)
{
    if (v3_check_cluster(exchange))
        refuse(exchange);
}

void v3_delete_acls(struct http_exchange *exchange)
{
    if (v3_check_cluster(exchange))
        refuse(exchange);
}

static void end_reading(struct rest_body *body, int rc, const struct error *error)
{
    struct http_exchange *exchange = body->exchange;
    if (rc != 0)
        http_reply_error(exchange, rc, error->message);
    else
        refuse(exchange);
    rest_body_close(body);
}

void v3_create_acl(struct http_exchange *exchange)
{
    struct rest_body body;
    struct error error;
    struct acl acl = {.host = NULL_SLICE};
    if (!v3_check_cluster(exchange) || !rest_body_open(&body, exchange))
        return;
    int rc = rest_read_object(&body, rest_body_root(&body), REST_FIELDS(acl_fields), &acl, &error);
    if (rc == 0)
        rc = check_acl(&acl, &error);
    end_reading(&body, rc, &error);
}

struct acls {
    const struct json_value *data;
};

static const struct rest_field acls_fields[] = {
    {"data", REST_LIST, true, offsetof(struct acls, data)},
};

void v3_create_acls(struct http_exchange *exchange)
{
    struct rest_body body;
    struct error error;
    struct acls acls;
    if (!v3_check_cluster(exchange) || !rest_body_open(&body, exchange))
        return;
    int rc = rest_read_object(&body, rest_body_root(&body), REST_FIELDS(acls_fields), &acls, &error);
    const struct acl *items =
        rc == 0 ? rest_read_list(&body, acls.data, REST_FIELDS(acl_fields), sizeof *items, &error) : NULL;
    if (rc == 0 && items == NULL)
        rc = error.code;
    for (uint32_t i = 0; rc == 0 && i < acls.data->count; i++)
        rc = check_acl(&items[i], &error);
    end_reading(&body, rc, &error);
}
