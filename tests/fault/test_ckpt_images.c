/* Crash images: what a disk may hold when the power goes during a commit. The operations of a commit are written down,
 * and applied to a model of a file system in which only fsync orders anything:
 *
 *   - an image has the operations before a point in time (a prefix);
 *   - of those, what an fsync of the file (bytes) or of the folder (names) has followed is there for sure;
 *   - the others are each there or not, names in any order, bytes as any set of blocks of 512 or 4096 bytes, the rest
 * of the file zero or missing.
 *
 * Each image is made on disk and loaded in this process: it must hold the old checkpoint or the new one, and the new
 * one once the commit is over.
 */
#include "base/rng.h"
#include "scene.h"

#include <dirent.h>
#include <sys/stat.h>

enum { INODES = 256, ENTRIES = 64, EVENTS = 512 };

typedef struct inode {
    bool is_folder;
    char *bytes; /* of a file */
    size_t n;
    int n_entries; /* of a folder */
    struct {
        char name[64];
        int inode;
    } entries[ENTRIES];
} inode;

/* an operation on inodes */
typedef struct event {
    fault_op_kind kind;
    int inode, folder; /* the thing, and the folder of its name */
    char name[64], to[64];
    size_t at, n; /* of a write */
    const char *bytes;
    int sure_from; /* number of the event after which it is there for sure; EVENTS: never */
} event;

typedef struct model {
    int n;
    inode inodes[INODES];
} model;

static model base, full, image;
static event events[EVENTS];
static int n_events;

/* -- folders on disk to inodes and back -- */

static int add_inode(model *m, bool is_folder)
{
    CU_ASSERT_FATAL(m->n < INODES);
    m->inodes[m->n] = (inode){.is_folder = is_folder};
    return m->n++;
}

static void clear_model(model *m)
{
    for (int i = 0; i < m->n; i++)
        free(m->inodes[i].bytes);
    m->n = 0;
}

static void copy_model(model *to, const model *from)
{
    clear_model(to);
    *to = *from;
    for (int i = 0; i < to->n; i++) {
        if (!from->inodes[i].bytes)
            continue;
        to->inodes[i].bytes = malloc(from->inodes[i].n + 1);
        memcpy(to->inodes[i].bytes, from->inodes[i].bytes, from->inodes[i].n);
    }
}

static int find_entry(const inode *folder, const char *name)
{
    for (int e = 0; e < folder->n_entries; e++)
        if (strcmp(folder->entries[e].name, name) == 0)
            return e;
    return -1;
}

static void set_entry(model *m, int folder, const char *name, int to)
{
    inode *f = &m->inodes[folder];
    int e = find_entry(f, name);
    if (e < 0) {
        CU_ASSERT_FATAL(f->n_entries < ENTRIES);
        e = f->n_entries++;
    }
    snprintf(f->entries[e].name, sizeof f->entries[e].name, "%s", name);
    f->entries[e].inode = to;
}

/* the name goes when it still means the inode */
static void remove_entry(model *m, int folder, const char *name, int was)
{
    inode *f = &m->inodes[folder];
    int e = find_entry(f, name);
    if (e >= 0 && f->entries[e].inode == was)
        f->entries[e] = f->entries[--f->n_entries];
}

static void scan(model *m, int to, const char *path)
{
    DIR *folder = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char inner[RV_PATH];
        struct stat st;
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.'))
            continue;
        RV_TEST_OK(rv_path_join(path, entry->d_name, inner));
        CU_ASSERT_EQUAL_FATAL(stat(inner, &st), 0);
        int i = add_inode(m, S_ISDIR(st.st_mode));
        set_entry(m, to, entry->d_name, i);
        if (S_ISDIR(st.st_mode)) {
            scan(m, i, inner);
            continue;
        }
        char *bytes = NULL;
        RV_TEST_OK(rv_file_read(inner, 1 << 24, &bytes, &m->inodes[i].n));
        m->inodes[i].bytes = malloc(m->inodes[i].n + 1);
        memcpy(m->inodes[i].bytes, bytes, m->inodes[i].n);
        rv_mem_free(&bytes);
    }
    closedir(folder);
}

static void make_on_disk(const model *m, int from, const char *path)
{
    const inode *f = &m->inodes[from];
    if (!f->is_folder) {
        FILE *file = fopen(path, "wb");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        CU_ASSERT_EQUAL(fwrite(f->bytes ? f->bytes : "", 1, f->n, file), f->n);
        fclose(file);
        return;
    }
    mkdir(path, 0777);
    for (int e = 0; e < f->n_entries; e++) {
        char inner[RV_PATH];
        RV_TEST_OK(rv_path_join(path, f->entries[e].name, inner));
        make_on_disk(m, f->entries[e].inode, inner);
    }
}

/* -- calls to events -- */

/* the folder of a path below the run, and its last name; -1 when it is not there */
static int walk(const model *m, const char *path, char name[64])
{
    size_t n = strlen(scene_run);
    char rest[256];
    int at = 0;
    CU_ASSERT_FATAL(strncmp(path, scene_run, n) == 0);
    snprintf(rest, sizeof rest, "%s", path[n] == '/' ? path + n + 1 : "");
    char *cursor = rest;
    char *part = strsep(&cursor, "/");
    while (cursor) {
        int e = find_entry(&m->inodes[at], part);
        if (e < 0)
            return -1;
        at = m->inodes[at].entries[e].inode;
        part = strsep(&cursor, "/");
    }
    snprintf(name, 64, "%s", part);
    return at;
}

/* the inode of a path; the run's own folder is 0 */
static int lookup(const model *m, const char *path)
{
    char name[64];
    int folder = walk(m, path, name);
    if (folder < 0 || !name[0])
        return folder;
    int e = find_entry(&m->inodes[folder], name);
    return e < 0 ? -1 : m->inodes[folder].entries[e].inode;
}

static void write_bytes(inode *f, size_t at, const char *bytes, size_t n)
{
    if (at + n > f->n) {
        char *grown = calloc(at + n + 1, 1);
        if (f->n > 0)
            memcpy(grown, f->bytes, f->n);
        free(f->bytes);
        f->bytes = grown;
        f->n = at + n;
    }
    memcpy(f->bytes + at, bytes, n);
}

/* apply to m, which need not hold what came before */
static void apply(model *m, const event *v)
{
    switch (v->kind) {
    case FAULT_OP_CREATE:
        set_entry(m, v->folder, v->name, v->inode);
        break;
    case FAULT_OP_MKDIR:
        set_entry(m, v->folder, v->name, v->inode);
        break;
    case FAULT_OP_WRITE:
        write_bytes(&m->inodes[v->inode], v->at, v->bytes, v->n);
        break;
    case FAULT_OP_RENAME:
        remove_entry(m, v->folder, v->name, v->inode);
        set_entry(m, v->folder, v->to, v->inode);
        break;
    case FAULT_OP_UNLINK:
    case FAULT_OP_RMDIR:
        remove_entry(m, v->folder, v->name, v->inode);
        break;
    default:
        break;
    }
}

static void understand(const fault_op *op)
{
    event *v = &events[n_events++];
    *v = (event){.kind = op->kind, .sure_from = EVENTS, .bytes = op->bytes, .n = op->n};
    v->folder = walk(&full, op->path, v->name);
    v->inode = lookup(&full, op->path);
    CU_ASSERT_FATAL(v->folder >= 0);
    if (op->kind == FAULT_OP_CREATE || op->kind == FAULT_OP_MKDIR) {
        CU_ASSERT_FATAL(v->inode < 0); /* nothing is written over */
        v->inode = add_inode(&full, op->kind == FAULT_OP_MKDIR);
        if (v->inode >= base.n)
            add_inode(&base, op->kind == FAULT_OP_MKDIR);
    }
    CU_ASSERT_FATAL(v->inode >= 0);
    if (op->kind == FAULT_OP_WRITE)
        v->at = full.inodes[v->inode].n;
    if (op->kind == FAULT_OP_RENAME)
        CU_ASSERT_EQUAL_FATAL(walk(&full, op->to, v->to), v->folder);
    apply(&full, v);
}

/* when does each event become sure? bytes with an fsync of the file, names with one of the folder */
static void order(void)
{
    for (int i = 0; i < n_events; i++)
        for (int k = i + 1; k < n_events && events[i].sure_from == EVENTS; k++) {
            int synced = events[k].inode;
            if (events[k].kind == FAULT_OP_FSYNC &&
                synced == (events[i].kind == FAULT_OP_WRITE ? events[i].inode : events[i].folder))
                events[i].sure_from = k;
        }
}

/* -- images -- */

/* some blocks of a write reach the disk */
static void tear(model *m, const event *v, rv_rng *rng)
{
    inode *f = &m->inodes[v->inode];
    size_t block = rv_rng_below(rng, 2) ? 4096 : 512;
    bool has_size = rv_rng_below(rng, 2); /* the length came through before the bytes */
    size_t had = f->n;
    char *zeros = calloc(v->n + 1, 1);
    if (has_size && had < v->at + v->n)
        write_bytes(f, had, zeros, v->at + v->n - had);
    free(zeros);
    for (size_t from = 0; from < v->n; from += block)
        if (rv_rng_below(rng, 2))
            write_bytes(f, v->at + from, v->bytes + from, v->n - from < block ? v->n - from : block);
}

/* the image of a crash behind the first n events. how: 0 all that was done, 1 only what is sure, else by chance */
static void make_image(int n, int how, rv_rng *rng)
{
    copy_model(&image, &base);
    unsigned share = how < 2 ? 0 : 1 + rv_rng_below(rng, 9); /* of ten */
    for (int i = 0; i < n; i++) {
        const event *v = &events[i];
        if (v->sure_from < n || how == 0)
            apply(&image, v);
        else if (how >= 2 && rv_rng_below(rng, 10) < share) {
            if (v->kind == FAULT_OP_WRITE && rv_rng_below(rng, 2))
                tear(&image, v, rng);
            else
                apply(&image, v);
        }
    }
    RV_TEST_OK(rv_folder_remove(scene_run));
    make_on_disk(&image, 0, scene_run);
}

static int per_point = 25;

static void crash_each(int n_ticks, const int64_t *ticks, bool is_spoilt, int64_t old)
{
    int counts[2] = {0, 0};
    int n_wrong = 0;
    int n_ops = 0;
    scene_fresh(n_ticks, ticks);
    if (is_spoilt)
        scene_spoil(20);
    clear_model(&base);
    add_inode(&base, true);
    scan(&base, 0, scene_run);
    copy_model(&full, &base);
    fault_record();
    RV_TEST_OK(scene_save(20));
    const fault_op *ops = fault_recorded(&n_ops);
    CU_ASSERT_FATAL(n_ops > 15 && n_ops < EVENTS);
    n_events = 0;
    for (int i = 0; i < n_ops; i++)
        understand(&ops[i]);
    order();
    int committed = -1; /* the rename that gives the name, once it is sure */
    for (int i = 0; i < n_events; i++)
        if (events[i].kind == FAULT_OP_RENAME && strcmp(events[i].to, "tick_00000020") == 0)
            committed = events[i].sure_from;
    CU_ASSERT_FATAL(committed > 0 && committed < EVENTS);
    for (int n = 0; n <= n_events; n++)
        for (int how = 0; how < per_point; how++) {
            rv_rng rng = rv_rng_at(1, RV_STREAM_TEST, (uint32_t)n, (uint64_t)how);
            make_image(n, how, &rng);
            int64_t tick = scene_find();
            bool is_right = tick == 20 || (tick == old && n <= committed);
            if (!is_right && n_wrong++ < 5)
                printf("\n    behind %d of %d operations, image %d: found %lld\n", n, n_events, how, (long long)tick);
            counts[tick == 20]++;
        }
    printf("\n    record: %d operations, %d images: %d old, %d new  ", n_events, counts[0] + counts[1], counts[0],
           counts[1]);
    CU_ASSERT_EQUAL(n_wrong, 0);
    CU_ASSERT(counts[0] > 0 && counts[1] > 0);
    fault_reset();
    clear_model(&base);
    clear_model(&full);
    clear_model(&image);
}

static void first(void)
{
    crash_each(0, NULL, false, SCENE_NONE);
}

static void with_pruning(void)
{
    crash_each(2, (const int64_t[]){5, 10}, false, 10);
}

static void over_a_bad_one(void)
{
    crash_each(2, (const int64_t[]){10, 20}, true, 10);
}

int main(int argc, char **argv)
{
    const CU_TestInfo cases[] = {{"the first checkpoint", first},
                                 {"one that lets an older one go", with_pruning},
                                 {"one over a bad one", over_a_bad_one},
                                 CU_TEST_INFO_NULL};
    scene_floats = 4000; /* four blocks */
    if (argc > 1 && strcmp(argv[1], "--long") == 0)
        per_point = 400;
    return scene_main("crash images", cases);
}
