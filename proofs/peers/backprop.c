/* Backprop of the sigmoid network in C. Arrays are row-major, examples are columns.
   params and grads hold W1, b1, W2, b2, … one after the other; dims holds n_0 … n_L. */

#include <math.h>
#include <stdlib.h>

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

int gradient(int L, const int *dims, int m, const double *params, const double *X, const double *Y, double *grads)
{
    const double **W = malloc(L * sizeof *W);
    double **A = malloc((L + 1) * sizeof *A);
    int widest = 0, offset = 0;
    for (int l = 0; l <= L; l++)
        if (dims[l] > widest) widest = dims[l];
    double *dZ = malloc((size_t)widest * m * sizeof *dZ), *dZ_below = malloc((size_t)widest * m * sizeof *dZ_below);
    if (!W || !A || !dZ || !dZ_below) return 1;

    A[0] = (double *)X;
    for (int l = 0; l < L; l++) { /* forward: A_{l+1} = sigmoid(W A_l + b) */
        int n = dims[l + 1], n_prev = dims[l];
        const double *b = params + offset + n * n_prev;
        W[l] = params + offset;
        if (!(A[l + 1] = malloc((size_t)n * m * sizeof **A))) return 1;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < m; k++) {
                double z = b[i];
                for (int j = 0; j < n_prev; j++) z += W[l][i * n_prev + j] * A[l][j * m + k];
                A[l + 1][i * m + k] = sigmoid(z);
            }
        offset += n * n_prev + n;
    }

    for (int i = 0; i < dims[L] * m; i++) dZ[i] = (A[L][i] - Y[i]) / m;
    for (int l = L - 1; l >= 0; l--) { /* backward */
        int n = dims[l + 1], n_prev = dims[l];
        double *dW = grads + (W[l] - params), *db = dW + n * n_prev;
        for (int i = 0; i < n; i++) {
            db[i] = 0;
            for (int k = 0; k < m; k++) db[i] += dZ[i * m + k];
            for (int j = 0; j < n_prev; j++) {
                dW[i * n_prev + j] = 0;
                for (int k = 0; k < m; k++) dW[i * n_prev + j] += dZ[i * m + k] * A[l][j * m + k];
            }
        }
        for (int j = 0; j < n_prev; j++)
            for (int k = 0; k < m; k++) {
                double dA = 0, a = A[l][j * m + k];
                for (int i = 0; i < n; i++) dA += W[l][i * n_prev + j] * dZ[i * m + k];
                dZ_below[j * m + k] = dA * a * (1 - a);
            }
        double *swap = dZ;
        dZ = dZ_below;
        dZ_below = swap;
    }
    for (int l = 1; l <= L; l++) free(A[l]);
    free(W), free(A), free(dZ), free(dZ_below);
    return 0;
}
