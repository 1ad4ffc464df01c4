/* The ceiling: the logistic loss and its gradient over rows of 30 features, by hand, as fast as this file's author knows
   how. Compiled with -O3 -march=native -ffast-math -fopenmp, so that exp and log come from libmvec, 4 at a time.

   What makes it fast, in the order of what it brings:
   - X is read from memory once. Rows are taken in blocks; the gradient finds its block in a cache.
   - C order: each thread reads four streams at once, a quarter of its rows apart, because the processor fetches ahead
     for each stream by itself (one stream reads 15 GB/s here, four 23). Blocks are of only 4 rows from each, so that
     memory is never idle for long while exp and log are computed. The four sums of a group are transposed in registers.
   - Fortran order: five columns at once, 1,024 rows of each, which the second-level cache holds.
   Prefetching by instructions, larger blocks in C order, and computing one block's exp while the next is read were tried
   and were slower. */

#include <math.h>
#include <omp.h>

#define FEATURES 30
#define SUMS (FEATURES + 2) /* the loss, the derivatives by the weights, that by the intercept */
#define VECTORS 8           /* of four features; the last one begins at feature 26, and its first two lanes count 0 */
#define START(j) ((j) < 7 ? 4 * (j) : 26)
#define STREAMS 4
#define BLOCK 4             /* rows of each stream */
#define TALL_BLOCK 1024     /* rows of each column */
#define TOGETHER 5          /* columns */
#define WORTH_A_THREAD 4096 /* rows: with fewer, waking a thread takes longer than they do */

typedef double vector __attribute__((vector_size(32), aligned(8)));
typedef long long places __attribute__((vector_size(32)));

static inline vector load(const double *from) { return *(const vector *)from; }
static inline double total(vector v) { return (v[0] + v[1]) + (v[2] + v[3]); }

/* From logits to a - y and to the sum of the losses, softplus(z) - y z without overflow. */
static inline double miss(long rows, const double *restrict z, const double *restrict y, double *restrict missed) {
    double loss = 0.0;
    for (long i = 0; i < rows; i++) {
        double decay = exp(-fabs(z[i]));
        double share = 1.0 / (1.0 + decay);
        missed[i] = (z[i] >= 0.0 ? share : 1.0 - share) - y[i];
        loss += log(1.0 + decay) + (z[i] > 0.0 ? z[i] : 0.0) - y[i] * z[i];
    }
    return loss;
}

/* Rows first to last, one at a time: what is left over by the blocks. */
static void remainder_of(const double *X, long across, long down, const double *y, const double *parameters,
                         double *sums, long first, long last) {
    for (long row = first; row < last; row++) {
        double z = parameters[FEATURES], missed;
        for (int k = 0; k < FEATURES; k++) z += parameters[k] * X[row * down + k * across];
        sums[0] += miss(1, &z, y + row, &missed);
        for (int k = 0; k < FEATURES; k++) sums[1 + k] += missed * X[row * down + k * across];
        sums[1 + FEATURES] += missed;
    }
}

/* ---- C order ---- */

/* The sums of four vectors, as one. */
static inline vector transposed_sum(vector a, vector b, vector c, vector d) {
    const places even = {0, 4, 2, 6}, odd = {1, 5, 3, 7}, low = {0, 1, 4, 5}, high = {2, 3, 6, 7};
    vector ab = __builtin_shuffle(a, b, even) + __builtin_shuffle(a, b, odd);
    vector cd = __builtin_shuffle(c, d, even) + __builtin_shuffle(c, d, odd);
    return __builtin_shuffle(ab, cd, low) + __builtin_shuffle(ab, cd, high);
}

static void rows_of(const double *restrict X, const double *restrict y, const double *restrict parameters,
                    double *restrict sums, long first, long last) {
    vector w[VECTORS], gradient[VECTORS];
    for (int j = 0; j < VECTORS; j++) w[j] = load(parameters + START(j)), gradient[j] = (vector){0};
    w[VECTORS - 1][0] = w[VECTORS - 1][1] = 0.0;
    double z[STREAMS * BLOCK], labels[STREAMS * BLOCK], missed[STREAMS * BLOCK], loss = 0.0, by_intercept = 0.0;
    const long stream = (last - first) / (STREAMS * BLOCK) * BLOCK, apart = stream * FEATURES;

    for (long block = 0; block < stream; block += BLOCK) {
        const double *x = X + (first + block) * FEATURES, *label = y + first + block;
        for (int row = 0; row < BLOCK; row++) {
            vector a = {0}, b = {0}, c = {0}, d = {0};
#pragma GCC unroll 8
            for (int j = 0; j < VECTORS; j++) {
                const double *from = x + row * FEATURES + START(j);
                a += w[j] * load(from);
                b += w[j] * load(from + apart);
                c += w[j] * load(from + 2 * apart);
                d += w[j] * load(from + 3 * apart);
            }
            *(vector *)(z + STREAMS * row) = transposed_sum(a, b, c, d) + parameters[FEATURES];
            for (int s = 0; s < STREAMS; s++) labels[STREAMS * row + s] = label[row + s * stream];
        }
        loss += miss(STREAMS * BLOCK, z, labels, missed);
        for (int i = 0; i < STREAMS * BLOCK; i++) by_intercept += missed[i];
        for (int row = 0; row < BLOCK; row++)
            for (int s = 0; s < STREAMS; s++) {
                double one = missed[STREAMS * row + s];
                vector all = {one, one, one, one};
#pragma GCC unroll 8
                for (int j = 0; j < VECTORS; j++) gradient[j] += all * load(x + s * apart + row * FEATURES + START(j));
            }
    }
    sums[0] += loss;
    for (int j = 0; j < VECTORS; j++)
        for (int lane = j < 7 ? 0 : 2; lane < 4; lane++) sums[1 + START(j) + lane] += gradient[j][lane];
    sums[1 + FEATURES] += by_intercept;
    remainder_of(X, 1, FEATURES, y, parameters, sums, first + STREAMS * stream, last);
}

/* ---- Fortran order ---- */

static void columns_of(const double *restrict X, long height, const double *restrict y,
                       const double *restrict parameters, double *restrict sums, long first, long last) {
    double z[TALL_BLOCK], missed[TALL_BLOCK];
    for (long block = first; block < last; block += TALL_BLOCK) {
        const long rows = last - block < TALL_BLOCK ? last - block : TALL_BLOCK;
        for (long i = 0; i < rows; i++) z[i] = parameters[FEATURES];
        for (int k = 0; k < FEATURES; k += TOGETHER) {
            const double *restrict a = X + k * height + block, *restrict b = a + height, *restrict c = b + height;
            const double *restrict d = c + height, *restrict e = d + height, *w = parameters + k;
            const double wa = w[0], wb = w[1], wc = w[2], wd = w[3], we = w[4];
            for (long i = 0; i < rows; i++) z[i] += wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i] + we * e[i];
        }
        sums[0] += miss(rows, z, y + block, missed);
        for (int k = 0; k < FEATURES; k += TOGETHER) {
            const double *restrict a = X + k * height + block, *restrict b = a + height, *restrict c = b + height;
            const double *restrict d = c + height, *restrict e = d + height;
            double by_a = 0.0, by_b = 0.0, by_c = 0.0, by_d = 0.0, by_e = 0.0;
            for (long i = 0; i < rows; i++) {
                by_a += missed[i] * a[i];
                by_b += missed[i] * b[i];
                by_c += missed[i] * c[i];
                by_d += missed[i] * d[i];
                by_e += missed[i] * e[i];
            }
            double *by = sums + 1 + k;
            by[0] += by_a, by[1] += by_b, by[2] += by_c, by[3] += by_d, by[4] += by_e;
        }
        double by_intercept = 0.0;
        for (long i = 0; i < rows; i++) by_intercept += missed[i];
        sums[1 + FEATURES] += by_intercept;
    }
}

/* ---- threads ---- */

/* Fills found with the sums; threads of 0 are as many as there are processors. */
static void on_threads(const double *X, const double *y, const double *parameters, double *found, long rows,
                       int threads, int in_c_order) {
    if (threads == 0) threads = omp_get_num_procs();
    if (rows < WORTH_A_THREAD) threads = 1;
    for (int i = 0; i < SUMS; i++) found[i] = 0.0;
#pragma omp parallel num_threads(threads)
    {
        const long count = omp_get_num_threads(), number = omp_get_thread_num();
        const long first = rows * number / count, last = rows * (number + 1) / count;
        double sums[SUMS] = {0.0};
        if (in_c_order)
            rows_of(X, y, parameters, sums, first, last);
        else
            columns_of(X, rows, y, parameters, sums, first, last);
#pragma omp critical
        for (int i = 0; i < SUMS; i++) found[i] += sums[i];
    }
}

void in_rows(const double *X, const double *y, const double *parameters, double *found, long rows, int threads) {
    on_threads(X, y, parameters, found, rows, threads, 1);
}

void in_columns(const double *X, const double *y, const double *parameters, double *found, long rows, int threads) {
    on_threads(X, y, parameters, found, rows, threads, 0);
}
