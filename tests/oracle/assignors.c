/* Random groups, and what Furrow's assignors make of them, for Assignors.java to compare with Kafka's:
 *
 *     group
 *     topic ID PARTITIONS
 *     member ID INSTANCE|- [t TOPIC]… [o TOPIC PARTITION]…      subscribed to; owned before
 *     range|uniform MEMBER [TOPIC PARTITION]…                   the member's place in the order above
 *     end */

#include "random_group.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS 400
#define ROUNDS 6

static void print_group(const struct random_group *g)
{
    char id[UUID_TEXT_SIZE];
    printf("group\n");
    for (uint32_t t = 0; t < g->group.topic_count; t++) {
        uuid_print(g->topics[t].id, id);
        printf("topic %s %d\n", id, g->topics[t].partition_count);
    }
    for (uint32_t m = 0; m < g->group.member_count; m++) {
        const struct assignor_member *member = &g->members[m];
        slice instance = slice_is_null(member->instance_id) ? slice_of_text("-") : member->instance_id;
        printf("member %.*s %.*s", SLICE_PRINT(member->id), SLICE_PRINT(instance));
        for (uint32_t i = 0; i < member->topic_count; i++) {
            uuid_print(g->topics[member->topics[i]].id, id);
            printf(" t %s", id);
        }
        for (uint32_t i = 0; i < member->owned_count; i++) {
            uuid_print(member->owned[i].id, id);
            for (uint32_t k = 0; k < member->owned[i].partition_count; k++)
                printf(" o %s %d", id, member->owned[i].partitions[k]);
        }
        printf("\n");
    }
}

static void print_assignment(const struct random_group *g, const char *name, const struct assignment *assignment)
{
    char id[UUID_TEXT_SIZE];
    for (uint32_t m = 0; m < assignment->member_count; m++) {
        printf("%s %u", name, m);
        for (uint32_t i = assignment->starts[m]; i < assignment->starts[m + 1]; i++) {
            uuid_print(g->topics[assignment->partitions[i].topic].id, id);
            printf(" %s %d", id, assignment->partitions[i].partition);
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    static struct random_group g;
    struct memory memory;
    struct assignment assignment;
    struct seeded_random random = {.state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1};
    memory_init(&memory);
    for (int i = 0; i < GROUPS; i++) {
        bool is_alike = i % 2 == 0;
        random_group_make(&g, &random, RANDOM_TOPICS, RANDOM_PARTITIONS, RANDOM_MEMBERS, is_alike);
        for (int round = 0; round < ROUNDS; round++) {
            print_group(&g);
            for (enum assignor which = ASSIGNOR_RANGE;; which = ASSIGNOR_UNIFORM) {
                if (assignor_assign(which, &g.group, &memory, &assignment) != 0)
                    return 1;
                print_assignment(&g, assignor_name(which), &assignment);
                if (which == ASSIGNOR_UNIFORM)
                    break;
                assignment_close(&assignment);
            }
            printf("end\n");
            random_group_remember(&g, &assignment);
            assignment_close(&assignment);
            random_group_change(&g, is_alike);
        }
    }
    return 0;
}
