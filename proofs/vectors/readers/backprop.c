/* Backpropagation in C99, judged by the vectors: cc -O2 backprop.c -lm -o backprop && ./backprop [-FLAG...] FILE... */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------ the network.  Matrices are stored row by row. */

enum { LAYERS = 32 };
typedef struct { int rows, columns; double *at; } Matrix;
typedef struct {  /* Z[0], A[0] and dZ[0] are those of a function alone */
    Matrix A[LAYERS], Z[LAYERS], W[LAYERS], b[LAYERS], dZ[LAYERS], dA[LAYERS], dW[LAYERS], db[LAYERS];
    Matrix Y, cost, loss, derivative;
} Network;

static int single;  /* whether the case is float32; rounding each double result so gives float32 arithmetic exactly */
static double r(double x) { return single ? (double)(float)x : x; }

/* ------------------------------------------------ activations; the slope is that of a leaky ReLU */

typedef double (*Function)(double z, double slope);
typedef struct { const char *name; Function value, derivative; double slope; } Activation;
#define FUNCTION(name, result) static double name(double z, double slope) { (void)z, (void)slope; return result; }

static double sigmoid(double z) { return r(1 / r(1 + r(exp(-z)))); }
static double softplus(double z) { return r(fmax(z, 0) + r(log1p(r(exp(-fabs(z)))))); }

static double from_root(double z) {  /* 1 + z + exp z from its root, a float and the rest: two terms of one sign */
    double root = single ? -1.2784645557403564 : -1.2784645427610737;
    double d = r(r(z - root) - (single ? 1.2979282537628478e-08 : -1.0946994183093437e-16));
    return r(d - r(r(1 + root) * r(expm1(d))));
}

static double silu_derivative_at(double z) {
    if (isinf(z)) return z > 0;
    if (z <= -2 || z >= -1) return r(sigmoid(z) * r(1 + r(z * sigmoid(-z))));
    return r(r(sigmoid(z) * sigmoid(-z)) * from_root(z));
}

static double tanh_derivative_at(double z) {  /* 1 / cosh² without overflow */
    double e = r(exp(-2 * fabs(z)));
    return r(r(4 * e) / r(r(1 + e) * r(1 + e)));
}

FUNCTION(sigmoid_value, sigmoid(z))
FUNCTION(sigmoid_derivative, r(sigmoid(z) * sigmoid(-z)))
FUNCTION(tanh_value, r(tanh(z)))
FUNCTION(tanh_derivative, tanh_derivative_at(z))
FUNCTION(relu, z > 0 ? z : 0)
FUNCTION(relu_derivative, z > 0)
FUNCTION(leaky_relu, z > 0 ? z : r(r(slope) * z))
FUNCTION(leaky_relu_derivative, z > 0 ? 1 : r(slope))
FUNCTION(softplus_value, softplus(z))
FUNCTION(silu, z == -INFINITY ? 0 : r(z * sigmoid(z)))
FUNCTION(silu_derivative, silu_derivative_at(z))
FUNCTION(identity, z)
FUNCTION(identity_derivative, 1)

static const Activation activations[] = {
    {"sigmoid", sigmoid_value, sigmoid_derivative, 0}, {"tanh", tanh_value, tanh_derivative, 0},
    {"relu", relu, relu_derivative, 0}, {"leaky_relu", leaky_relu, leaky_relu_derivative, 0.01},
    {"softplus", softplus_value, sigmoid_value, 0}, {"silu", silu, silu_derivative, 0},
    {"identity", identity, identity_derivative, 0},
};

static Activation activation(const char *word) {  /* word ends with a quote, perhaps after a slope in brackets */
    size_t length = strcspn(word, "(\"");
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        Activation g = activations[i];
        if (strlen(g.name) != length || strncmp(word, g.name, length)) continue;
        if (word[length] == '(') g.slope = strtod(word + length + 1, NULL);
        return g;
    }
    fprintf(stderr, "no activation %.*s\n", (int)length, word);
    exit(2);
}

/* ------------------------------------------------ matrices */

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

/* ------------------------------------------------ the network */

static Matrix map(Function f, double slope, Matrix P) {
    Matrix R = zeros(P.rows, P.columns);
    for (int i = 0; i < P.rows * P.columns; i++) R.at[i] = f(P.at[i], slope);
    return R;
}

static double others(const double *column, int rows, int step, int but) {  /* the sum of all entries but one */
    double sum = 0;
    for (int j = 0; j < rows; j++) if (j != but) sum = r(sum + column[j * step]);
    return sum;
}

static void softmax(Matrix Z, Matrix Y, Matrix *A, Matrix *loss, Matrix *dZ) {
    int n = Z.rows, m = Z.columns;
    *A = zeros(n, m);
    *dZ = zeros(n, m);
    Matrix E = zeros(n, m);
    for (int k = 0; k < m; k++) {
        int top = 0;
        for (int i = 1; i < n; i++) if (Z.at[i * m + k] > Z.at[top * m + k]) top = i;
        for (int i = 0; i < n; i++) E.at[i * m + k] = r(exp(r(Z.at[i * m + k] - Z.at[top * m + k])));
        double rest = r(log1p(others(E.at + k, n, m, top))), sum = others(E.at + k, n, m, -1);
        for (int i = 0; i < n; i++) A->at[i * m + k] = r(E.at[i * m + k] / sum);
        for (int i = 0; i < n; i++) {
            int at = i * m + k;
            double d = r(Z.at[at] - Z.at[top * m + k]), y = Y.at[at];
            loss->at[k] = r(loss->at[k] + r(y * r(rest - d)));
            dZ->at[at] = r(r(others(Y.at + k, n, m, i) * A->at[at]) - r(y * others(A->at + k, n, m, i)));
        }
    }
}

/* A of Z, the loss of each example with labels Y, and its derivative by Z; the words end with a quote. */
static void output(const char *word, const char *cost, Matrix Z, Matrix Y, Matrix *A, Matrix *loss, Matrix *dZ) {
    int m = Z.columns, entropy = *cost == 'c';
    double share = *cost == 's' ? 1 : 0.5;  /* squared_error, or half_squared_error */
    *loss = zeros(1, m);
    if (!strncmp(word, "softmax", 7)) { softmax(Z, Y, A, loss, dZ); return; }
    Activation g = activation(word);
    *A = map(g.value, g.slope, Z);
    *dZ = zeros(Z.rows, m);
    for (int i = 0; i < Z.rows * m; i++) {
        double y = Y.at[i], z = Z.at[i], a = A->at[i], e = r(a - y), *sum = &loss->at[i % m];
        double term = entropy ? r(r(y * softplus(-z)) + r(r(1 - y) * softplus(z))) : r(r(e * e) * share);
        *sum = r(*sum + term);
        dZ->at[i] = entropy ? r(r(r(1 - y) * a) - r(y * sigmoid(-z))) : r(r(2 * share * e) * g.derivative(z, g.slope));
    }
}

static void run(Network *n, int L, const Activation *hidden, const char *word, const char *cost) {
    int m = n->Y.columns;
    Matrix ones = zeros(m, 1);
    for (int k = 0; k < m; k++) ones.at[k] = 1;
    for (int l = 1; l <= L; l++) {
        n->Z[l] = product(n->W[l], n->A[l - 1]);
        for (int i = 0; i < n->Z[l].rows * m; i++) n->Z[l].at[i] = r(n->Z[l].at[i] + n->b[l].at[i / m]);
        if (l < L) n->A[l] = map(hidden[l].value, hidden[l].slope, n->Z[l]);
    }
    output(word, cost, n->Z[L], n->Y, &n->A[L], &n->loss, &n->dZ[L]);
    n->cost = product(n->loss, ones);
    n->cost.at[0] = r(n->cost.at[0] / m);
    for (int i = 0; i < n->dZ[L].rows * m; i++) n->dZ[L].at[i] = r(n->dZ[L].at[i] / m);
    for (int l = L; l >= 1; l--) {
        n->dW[l] = product(n->dZ[l], transposed(n->A[l - 1]));
        n->db[l] = product(n->dZ[l], ones);
        n->dA[l - 1] = product(transposed(n->W[l]), n->dZ[l]);
        if (l == 1) continue;
        n->dZ[l - 1] = map(hidden[l - 1].derivative, hidden[l - 1].slope, n->Z[l - 1]);
        for (int i = 0; i < n->dZ[l - 1].rows * m; i++)
            n->dZ[l - 1].at[i] = r(n->dA[l - 1].at[i] * n->dZ[l - 1].at[i]);
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

static const char *find(const char *object, const char *key) {  /* NULL if there is no such member */
    size_t length = strlen(key);
    const char *p = space(object + 1);
    while (*p == '"') {
        int same = !strncmp(p + 1, key, length) && p[length + 1] == '"';
        p = skip(p);
        if (same) return p;
        p = skip(p);
    }
    return NULL;
}

static const char *get(const char *object, const char *key) {
    const char *p = find(object, key);
    if (p) return p;
    fprintf(stderr, "no member \"%s\"\n", key);
    exit(2);
}

static const char *word(const char *object, const char *key, const char *otherwise) {  /* a string, without its quote */
    const char *p = find(object, key);
    return p ? p + 1 : otherwise;
}

static Matrix matrix(const char *value) {
    const char *shape = space(get(value, "shape") + 1), *p = space(get(value, "hex") + 1);
    Matrix P = *shape == ']' ? zeros(1, 1) : zeros(atoi(shape), atoi(skip(shape)));
    for (int i = 0; i < P.rows * P.columns; i++, p = skip(p)) P.at[i] = strtod(p + 1, NULL);  /* and inf */
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
        case 'l': return &n->loss;
        case 'e': return &n->derivative;
        case 'Z': return d ? &n->dZ[l] : &n->Z[l];
        case 'A': return d ? &n->dA[l] : &n->A[l];
        case 'W': return d ? &n->dW[l] : &n->W[l];
        case 'b': return d ? &n->db[l] : &n->b[l];
        case 'X': return &n->A[0];
        default: return &n->Y;
    }
}

static void solve(Network *n, const char *vector) {
    const char *p, *dims = find(vector, "layer_dims"), *alone = find(vector, "activation");
    const char *last = word(vector, "output", "sigmoid\""), *cost = word(vector, "cost", "cross_entropy\"");
    Activation hidden[LAYERS];
    int L = 0;
    for (p = space(get(vector, "inputs") + 1); *p == '"'; p = skip(skip(p))) *named(n, p + 1) = matrix(skip(p));
    if (alone) {
        Activation g = activation(alone + 1);
        n->A[0] = map(g.value, g.slope, n->Z[0]);
        n->derivative = map(g.derivative, g.slope, n->Z[0]);
    } else if (!dims) {
        output(last, cost, n->Z[0], n->Y, &n->A[0], &n->loss, &n->dZ[0]);
    } else {
        for (p = space(dims + 1); *p != ']'; p = skip(p), L++)
            if (L == LAYERS) { fprintf(stderr, "more than %d layers\n", LAYERS - 1); exit(2); }
        for (int l = 0; l < LAYERS; l++) hidden[l] = activation("sigmoid\"");
        if ((p = find(vector, "hidden")))
            for (int l = 1; l < L - 1; l++) hidden[l] = activation((p = l == 1 ? space(p + 1) : skip(p)) + 1);
        run(n, L - 1, hidden, last, cost);
    }
}

static int misses(const char *cases, int print) {
    Network n;
    int count = 0, name_length = (int)strcspn(get(cases, "id") + 1, "\"");
    const char *p;
    single = !strncmp(get(cases, "dtype"), "\"float32\"", 9);
    solve(&n, cases);
    for (p = space(get(cases, "expected") + 1); *p == '"'; p = skip(skip(p))) {
        Matrix found = *named(&n, p + 1), expected = matrix(skip(p));
        const char *ulps = space(get(skip(p), "ulps") + 1);
        if (found.rows != expected.rows || found.columns != expected.columns) { puts("a shape differs"); exit(2); }
        for (int i = 0; i < expected.rows * expected.columns; i++, ulps = skip(ulps)) {
            if (found.at[i] == expected.at[i]) continue;  /* infinity too */
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

/* Whether a case has one of the flags that are written as -FLAG. */
static int left_out(const char *vector, int argc, char **argv) {
    for (const char *p = space(get(vector, "flags") + 1); *p == '"'; p = skip(p)) {
        size_t length = strcspn(p + 1, "\"");
        for (int i = 1; i < argc; i++)
            if (*argv[i] == '-' && strlen(argv[i] + 1) == length && !strncmp(p + 1, argv[i] + 1, length)) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    int count = 0, wrong = 0;
    for (int i = 1; i < argc; i++) {
        if (*argv[i] == '-') continue;
        for (const char *p = space(get(space(text(argv[i])), "cases") + 1); *p == '{'; p = skip(p)) {
            if (left_out(p, argc, argv)) continue;
            int valid = !strncmp(get(p, "result"), "\"valid\"", 7), found = misses(p, valid);
            count++;
            wrong += valid ? found : !found;
            if (!valid && !found)
                printf("%.*s: this is the gradient of a bug\n", (int)strcspn(get(p, "id") + 1, "\""), get(p, "id") + 1);
        }
    }
    if (!count) puts("no vector to judge: backprop [-FLAG...] FILE...");
    else if (!wrong) printf("C: all %d vectors pass\n", count);
    return wrong || !count;
}
