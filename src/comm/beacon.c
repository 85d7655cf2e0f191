#include "comm/beacon.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_ADDRESSES = 8, MOST_TAKEN = 4096 }; /* datagrams taken in one turn */

/* a datagram: this, then entries; numbers as the machine has them, as in MPI's messages */
typedef struct head {
    uint64_t key, n;
} head;
_Static_assert(sizeof(head) + RV_BEACON_RANKS * sizeof(rv_beacon_entry) == RV_BEACON_MAX_BYTES, "no padding");

/* where a node's first rank listens */
typedef struct address {
    uint32_t n;
    uint16_t port; /* network order */
    uint32_t ip[MOST_ADDRESSES];
} address;

struct rv_beacon {
    const rv_world *world;
    rv_pulse *const *pulses;
    uint64_t key;
    int socket;
    address *nodes; /* (n_nodes) */
};

int rv_beacon_parse(const void *bytes, size_t n, uint64_t key, int n_ranks, rv_beacon_entry *entries)
{
    head h;
    if (n < sizeof h)
        return 0;
    memcpy(&h, bytes, sizeof h);
    if (h.key != key || h.n < 1 || h.n > RV_BEACON_RANKS || n != sizeof h + h.n * sizeof *entries)
        return 0;
    memcpy(entries, (const char *)bytes + sizeof h, h.n * sizeof *entries);
    for (uint64_t i = 0; i < h.n; i++)
        if (entries[i].rank >= (uint64_t)n_ranks)
            return 0;
    return (int)h.n;
}

static rv_status list_addresses(address *own)
{
    struct ifaddrs *list = NULL;
    RV_CHECK(getifaddrs(&list) == 0, RV_E_OS, "cannot list the addresses of this host: %s", strerror(errno));
    for (const struct ifaddrs *a = list; a && own->n < MOST_ADDRESSES; a = a->ifa_next) {
        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || a->ifa_flags & IFF_LOOPBACK ||
            !(a->ifa_flags & IFF_UP))
            continue;
        own->ip[own->n++] = ((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr.s_addr;
    }
    freeifaddrs(list);
    return RV_OK;
}

static rv_status listen_here(rv_beacon *b, address *own)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t n = sizeof any;
    RV_TRY(list_addresses(own));
    b->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    RV_CHECK(b->socket >= 0 && bind(b->socket, (const struct sockaddr *)&any, sizeof any) == 0 &&
                 getsockname(b->socket, (struct sockaddr *)&any, &n) == 0,
             RV_E_OS, "cannot open a UDP socket: %s", strerror(errno));
    own->port = any.sin_port;
    return RV_OK;
}

/* every node's address and the key of the job, at all ranks */
static rv_status gather(rv_world *world, const address *own, address *all, rv_beacon *b)
{
    rv_status status = RV_OK;
    address *ranks = NULL;
    if (world->rank == 0) {
        ssize_t got = getrandom(&b->key, sizeof b->key, 0);
        RV_CHECK(got == (ssize_t)sizeof b->key, RV_E_OS, "the system gives no random number");
    }
    RV_TRY(RV_NEW(ranks, world->rank == 0 ? world->size : 0));
    RV_TRY_GOTO(rv_world_gather(world, own, sizeof *own, ranks), done);
    for (int node = 0; world->rank == 0 && node < world->n_nodes; node++)
        all[node] = ranks[world->leader_of[node]];
    RV_TRY_GOTO(rv_world_broadcast(world, all, (size_t)world->n_nodes * sizeof *all), done);
    RV_TRY_GOTO(rv_world_broadcast(world, &b->key, sizeof b->key), done);
done:
    rv_mem_free(&ranks);
    return status;
}

rv_status rv_beacon_create(rv_world *world, rv_pulse *const *pulses, rv_beacon **out)
{
    rv_status status = RV_OK;
    rv_beacon *b = NULL;
    address own = {.n = 0};
    *out = NULL;
    if (world->n_nodes == 1)
        return RV_OK;
    RV_TRY(RV_NEW(b, 1));
    b->world = world;
    b->pulses = pulses;
    b->socket = -1;
    RV_TRY_GOTO(RV_NEW(b->nodes, world->n_nodes), done);
    if (world->node_rank == 0)
        RV_TRY_GOTO(listen_here(b, &own), done);
    RV_TRY_GOTO(gather(world, &own, b->nodes, b), done);
    if (world->node_rank == 0) {
        *out = b;
        return RV_OK;
    }
done:
    rv_beacon_destroy(&b);
    return status;
}

void rv_beacon_destroy(rv_beacon **beacon)
{
    rv_beacon *b = *beacon;
    if (!b)
        return;
    if (b->socket >= 0)
        close(b->socket);
    rv_mem_free(&b->nodes);
    rv_mem_free(beacon);
}

/* a datagram that does not get through is one of many */
static void send_to_nodes(const rv_beacon *b, const void *bytes, size_t n)
{
    for (int node = 0; node < b->world->n_nodes; node++) {
        const address *to = &b->nodes[node];
        for (uint32_t i = 0; node != b->world->node && i < to->n; i++) {
            struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = to->port, .sin_addr.s_addr = to->ip[i]};
            sendto(b->socket, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&in, sizeof in);
        }
    }
}

static void send_own(const rv_beacon *b)
{
    struct {
        head head;
        rv_beacon_entry entries[RV_BEACON_RANKS];
    } message = {.head = {.key = b->key}};
    for (int r = b->world->rank; r < b->world->size; r++) {
        const rv_pulse *p = b->pulses[r];
        if (b->world->node_of[r] == b->world->node)
            message.entries[message.head.n++] = (rv_beacon_entry){(uint64_t)r,
                                                                  rv_pulse_load(&p->n_beats),
                                                                  rv_pulse_load(&p->place),
                                                                  rv_pulse_load(&p->wait),
                                                                  rv_pulse_load(&p->tick),
                                                                  rv_pulse_load(&p->n_looks)};
        bool is_last = r == b->world->size - 1;
        if (message.head.n == RV_BEACON_RANKS || (is_last && message.head.n > 0)) {
            send_to_nodes(b, &message, sizeof message.head + message.head.n * sizeof *message.entries);
            message.head.n = 0;
        }
    }
}

static void take(const rv_beacon *b, const rv_beacon_entry *e)
{
    rv_pulse *p = b->pulses[e->rank];
    /* one that was overtaken by a later one, or came over another way, tells nothing new */
    if (b->world->node_of[e->rank] == b->world->node || e->n_looks <= rv_pulse_load(&p->n_looks))
        return;
    rv_pulse_store(&p->n_beats, e->n_beats);
    rv_pulse_store(&p->place, e->place);
    rv_pulse_store(&p->wait, e->wait);
    rv_pulse_store(&p->tick, e->tick);
    rv_pulse_store(&p->n_looks, e->n_looks);
}

void rv_beacon_turn(rv_beacon *b)
{
    unsigned char bytes[RV_BEACON_MAX_BYTES + 1];
    rv_beacon_entry entries[RV_BEACON_RANKS];
    send_own(b);
    for (int i = 0; i < MOST_TAKEN; i++) {
        ssize_t n = recv(b->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno != EINTR && errno != ECONNREFUSED && errno != EHOSTUNREACH)
            return;
        int n_entries = n > 0 ? rv_beacon_parse(bytes, (size_t)n, b->key, b->world->size, entries) : 0;
        for (int k = 0; k < n_entries; k++)
            take(b, &entries[k]);
    }
}
