/* Backpropagation in C99, judged by the test vectors:  cc -O2 backprop.c -lm -o backprop && ./backprop FILE...  */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------ the network.  Matrices are stored row by row. */

enum { LAYERS = 32 };
typedef struct { int rows, columns; double *at; } Matrix;
typedef struct {
    Matrix A[LAYERS], Z[LAYERS], W[LAYERS], b[LAYERS], dZ[LAYERS], dA[LAYERS], dW[LAYERS], db[LAYERS], Y, cost;
} Network;

static int single;  /* whether the case is float32; rounding each double result so gives float32 arithmetic exactly */
static double r(double x) { return single ? (double)(float)x : x; }

static double sigmoid(double z) { return r(1 / r(1 + r(exp(-z)))); }
static double softplus(double z) { return r(fmax(z, 0) + r(log1p(r(exp(-fabs(z)))))); }

static Matrix zeros(int rows, int columns) {  /* never freed: the process ends when all vectors are judged */
    Matrix P = {rows, columns, calloc((size_t)rows * columns, sizeof(double))};
    if (!P.at) { perror("calloc"); exit(2); }
    return P;
}

static Matrix transposed(Matrix P) {
    Matrix T = zeros(P.columns, P.rows);
    for (int i = 0; i < P.rows; i++)
        for (int j = 0; j < P.columns; j++) T.at[j * T.columns + i] = P.at[i * P.columns + j];
    return T;
}

static Matrix product(Matrix P, Matrix Q) {
    Matrix R = zeros(P.rows, Q.columns);
    for (int i = 0; i < P.rows; i++)
        for (int k = 0; k < Q.columns; k++)
            for (int j = 0; j < P.columns; j++) {
                double *sum = &R.at[i * R.columns + k];
                *sum = r(*sum + r(P.at[i * P.columns + j] * Q.at[j * Q.columns + k]));
            }
    return R;
}

static void run(Network *n, int L) {
    int m = n->Y.columns;
    for (int l = 1; l <= L; l++) {
        n->Z[l] = product(n->W[l], n->A[l - 1]);
        n->A[l] = zeros(n->Z[l].rows, m);
        for (int i = 0; i < n->Z[l].rows * m; i++) {
            n->Z[l].at[i] = r(n->Z[l].at[i] + n->b[l].at[i / m]);
            n->A[l].at[i] = sigmoid(n->Z[l].at[i]);
        }
    }
    n->cost = zeros(1, 1);
    n->dZ[L] = zeros(n->Y.rows, m);
    for (int i = 0; i < n->Y.rows * m; i++) {
        double y = n->Y.at[i], z = n->Z[L].at[i];
        n->cost.at[0] = r(n->cost.at[0] + r(r(y * softplus(-z)) + r(r(1 - y) * softplus(z))));
        n->dZ[L].at[i] = r(r(r(r(1 - y) * n->A[L].at[i]) - r(y * sigmoid(-z))) / m);
    }
    n->cost.at[0] = r(n->cost.at[0] / m);
    for (int l = L; l >= 1; l--) {
        Matrix ones = zeros(m, 1);
        for (int k = 0; k < m; k++) ones.at[k] = 1;
        n->dW[l] = product(n->dZ[l], transposed(n->A[l - 1]));
        n->db[l] = product(n->dZ[l], ones);
        n->dA[l - 1] = product(transposed(n->W[l]), n->dZ[l]);
        if (l == 1) continue;
        n->dZ[l - 1] = zeros(n->dA[l - 1].rows, m);
        for (int i = 0; i < n->dA[l - 1].rows * m; i++)
            n->dZ[l - 1].at[i] = r(r(n->dA[l - 1].at[i] * n->A[l - 1].at[i]) * sigmoid(-n->Z[l - 1].at[i]));
    }
}

/* ------------------------------------------------ JSON: a value is a pointer to its first character */

static const char *space(const char *p) { return p + strspn(p, " \t\r\n,:"); }

static const char *skip(const char *p) {  /* what follows the value at p */
    if (*p == '"') {
        for (p++; *p && *p != '"'; p++) if (*p == '\\') p++;
        return space(p + 1);
    }
    if (*p != '{' && *p != '[') return space(p + strcspn(p, ",]} \t\r\n"));
    for (p = space(p + 1); *p && *p != '}' && *p != ']';) p = skip(p);
    return space(p + 1);
}

static const char *get(const char *object, const char *key) {
    size_t length = strlen(key);
    const char *p = space(object + 1);
    while (*p == '"') {
        int same = !strncmp(p + 1, key, length) && p[length + 1] == '"';
        p = skip(p);
        if (same) return p;
        p = skip(p);
    }
    fprintf(stderr, "no member \"%s\"\n", key);
    exit(2);
}

static Matrix matrix(const char *value) {
    const char *shape = space(get(value, "shape") + 1), *p = space(get(value, "hex") + 1);
    Matrix P = *shape == ']' ? zeros(1, 1) : zeros(atoi(shape), atoi(skip(shape)));
    for (int i = 0; i < P.rows * P.columns; i++, p = skip(p)) P.at[i] = strtod(p + 1, NULL);  /* reads 0x1.8p+1 */
    return P;
}

/* ------------------------------------------------ judging */

static double ulp(double x) {  /* the gap between floats at x; at 0 the smallest subnormal */
    int least = single ? -125 : -1021, digits = single ? 24 : 53, exponent = least;
    if (x != 0) frexp(x, &exponent);
    return ldexp(1, (exponent > least ? exponent : least) - digits);
}

static Matrix *named(Network *n, const char *name) {  /* name ends with a quote */
    int d = name[0] == 'd', l = atoi(name + 1 + d);
    switch (name[d]) {
        case 'c': return &n->cost;
        case 'Z': return d ? &n->dZ[l] : &n->Z[l];
        case 'A': return d ? &n->dA[l] : &n->A[l];
        case 'W': return d ? &n->dW[l] : &n->W[l];
        case 'b': return d ? &n->db[l] : &n->b[l];
        case 'X': return &n->A[0];
        default: return &n->Y;
    }
}

static int misses(const char *cases, int print) {
    Network n;
    int L = 0, count = 0, name_length = (int)strcspn(get(cases, "id") + 1, "\"");
    const char *p;
    single = !strncmp(get(cases, "dtype"), "\"float32\"", 9);
    for (p = space(get(cases, "layer_dims") + 1); *p != ']'; p = skip(p)) L++;
    if (--L >= LAYERS) { fprintf(stderr, "more than %d layers\n", LAYERS - 1); exit(2); }
    for (p = space(get(cases, "inputs") + 1); *p == '"'; p = skip(skip(p))) *named(&n, p + 1) = matrix(skip(p));
    run(&n, L);
    for (p = space(get(cases, "expected") + 1); *p == '"'; p = skip(skip(p))) {
        Matrix found = *named(&n, p + 1), expected = matrix(skip(p));
        const char *ulps = space(get(skip(p), "ulps") + 1);
        if (found.rows != expected.rows || found.columns != expected.columns) { puts("a shape differs"); exit(2); }
        for (int i = 0; i < expected.rows * expected.columns; i++, ulps = skip(ulps)) {
            if (fabs(found.at[i] - expected.at[i]) <= strtod(ulps, NULL) * ulp(expected.at[i])) continue;
            count++;
            if (print)
                printf("%.*s: %.*s[%d] is %.17g, expected %.17g within %.0f ulp\n", name_length, get(cases, "id") + 1,
                       (int)strcspn(p + 1, "\""), p + 1, i, found.at[i], expected.at[i], strtod(ulps, NULL));
        }
    }
    return count;
}

static char *text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) { perror(path); exit(2); }
    long size = ftell(file);
    char *content = calloc((size_t)size + 1, 1);
    rewind(file);
    if (!content || fread(content, 1, (size_t)size, file) != (size_t)size) { perror(path); exit(2); }
    fclose(file);
    return content;
}

int main(int argc, char **argv) {
    int count = 0, wrong = 0;
    for (int i = 1; i < argc; i++)
        for (const char *p = space(get(space(text(argv[i])), "cases") + 1); *p == '{'; p = skip(p), count++) {
            int valid = !strncmp(get(p, "result"), "\"valid\"", 7), found = misses(p, valid);
            wrong += valid ? found : !found;
            if (!valid && !found)
                printf("%.*s: this is the gradient of a bug\n", (int)strcspn(get(p, "id") + 1, "\""), get(p, "id") + 1);
        }
    if (!wrong) printf("C: all %d vectors pass\n", count);
    return wrong != 0;
}
