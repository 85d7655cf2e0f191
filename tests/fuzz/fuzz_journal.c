/* a segment of the journal: head, records, what a tail is */
#include "base/memory.h"
#include "data/journal_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct reading {
    const unsigned char *bytes;
    size_t n;
    int64_t n_rows;
} reading;

/* a row lies within the segment, and its numbers are such */
static rv_status take(void *user, const rv_journal_record *record)
{
    reading *r = user;
    const unsigned char *row = (const unsigned char *)record->row;
    size_t width = (r->n - (size_t)(row - r->bytes)) / sizeof(float);
    if (row < r->bytes || row >= r->bytes + r->n || width < 2)
        abort();
    if (!(record->reward - record->reward == 0))
        abort();
    r->n_rows++;
    return RV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *bytes = NULL;
    rv_journal_segment segment = {0}, again;
    rv_journal_shape shape;
    if (rv_mem_alloc(size + 1, 1, (void **)&bytes) != RV_OK)
        abort();
    if (size > 0)
        memcpy(bytes, data, size);
    reading r = {.bytes = bytes, .n = size};
    rv_status status = rv_journal_parse("segment", bytes, size, NULL, take, &r, &segment, &shape);
    if (status != RV_OK && status != RV_E_DATA)
        abort();
    /* what is whole is so without its tail, and holds the same */
    if (status == RV_OK &&
        (segment.n_rows != r.n_rows || segment.bytes + segment.torn != (int64_t)size ||
         rv_journal_parse("segment", bytes, (size_t)segment.bytes, &shape, NULL, NULL, &again, &shape) != RV_OK ||
         again.torn != 0 || again.n_rows != segment.n_rows))
        abort();
    rv_mem_free(&bytes);
    return 0;
}
