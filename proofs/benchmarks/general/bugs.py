"""Backward passes as people get them wrong: what the bug is, and the piece of the right source that is replaced.

They are grouped by model. A piece occurs once in the source of the backward; `changed` makes sure.
"""

BUGS = {
    "dense": [
        ("bias averaged over the batch", '"b": C.sum(axis=0)', '"b": C.mean(axis=0)'),
        ("weights from the last example only", "C.T @ X", "np.outer(C[-1], X[-1])"),
        ("gradient in the input of the ones cotangent", '"X": C @ W', '"X": np.ones_like(C) @ W'),
    ],
    "dense_tanh": [
        ("activation's derivative forgotten", "(C @ V) * (1 - A**2)", "C @ V"),
        ("sigmoid's derivative for tanh's", "(1 - A**2)", "A * (1 - A)"),
        ("derivative at the activation instead of the sum", "(1 - A**2)", "(1 - np.tanh(A) ** 2)"),
        ("divided by the batch in one array", '"W": dZ.T @ X', '"W": dZ.T @ X / len(X)'),
        ("output weights from the input's sum, not its activation", "C.T @ A", "C.T @ (X @ W.T + b)"),
    ],
    "bilinear": [
        ("last example only", 'nj->kij", C, U, V)', 'nj->kij", C[-1:], U[-1:], V[-1:])'),
        ("the other factor forgotten", 'ni->nj", C, W, U)', 'ni->nj", C, W, np.ones_like(U))'),
    ],
    "conv1d": [
        ("kernel flipped for the input", "C[:, :, t], K, axes", "C[:, :, t], K[:, :, ::-1], axes"),
        ("overlaps overwritten", "dX[:, :, window] +=", "dX[:, :, window] ="),
        ("last position dropped", "range(C.shape[2])", "range(C.shape[2] - 1)"),
        ("kernel's gradient overwritten", "dK +=", "dK ="),
        ("bias summed over positions of one example", "C.sum(axis=(0, 2))", "C[0].sum(axis=1)"),
        (
            "window off by one",
            "slice(t, t + K.shape[2])",
            "slice(min(t + 1, C.shape[2] - 1), min(t + 1, C.shape[2] - 1) + K.shape[2])",
        ),
    ],
    "strided_conv1d": [
        ("stride forgotten", "dX[2 * t : 2 * t + K.size] +=", "dX[t : t + K.size] +="),
        ("square's factor forgotten", "dZ = 2 * C[t]", "dZ = C[t]"),
    ],
    "circular_conv": [
        ("rolled the wrong way", "np.roll(dZ, -i)", "np.roll(dZ, i)"),
        ("padded with zeros instead", "np.sum(dZ * np.roll(X, i))", "np.sum(dZ[i:] * X[: X.size - i])"),
    ],
    "conv2d": [
        ("overlaps overwritten", "dX[:, :, i : i + side, j : j + side] +=", "dX[:, :, i : i + side, j : j + side] ="),
        (
            "axes of the kernel exchanged",
            "j : j + side] += columns[:, :, i, j]",
            "j : j + side] += columns[:, :, j, i]",
        ),
        ("kernel reshaped in the wrong order", ".reshape(K.shape)", ".reshape(2, 2, 2, 2).swapaxes(0, 1)"),
        ("bias averaged", "C.sum(axis=(0, 2))", "C.mean(axis=(0, 2))"),
    ],
    "depthwise": [
        ("summed over channels", ".sum(axis=(0, 2))", ".sum()"),
        ("loop one short", "for i in range(K.shape[1]):", "for i in range(K.shape[1] - 1):"),
    ],
    "transposed_conv1d": [
        ("cosine at the output", "np.cos(Z)", "np.cos(np.sin(Z))"),
        ("kernel flipped", "dK += dZ[2 * t : 2 * t + K.size]", "dK += dZ[2 * t : 2 * t + K.size][::-1]"),
    ],
    "embedding": [
        ("repeated words overwritten", "np.add.at(dE, words, dZ @ W.T)", "dE[words] = dZ @ W.T"),
        ("repeated words added once", "np.add.at(dE, words, dZ @ W.T)", "dE[words] += dZ @ W.T"),
        ("index off by one", "np.add.at(dE, words,", "np.add.at(dE, words - 1,"),
        ("padding word masked", "return", "dE[0] = 0\n    return"),
    ],
    "scatter_add": [
        ("gradient of the gathered instead", 'return {"X": dZ[places]}', 'return {"X": 3 * C[places] * X**2}'),
        ("index off by one", "dZ[places]", "dZ[places - 1]"),
        ("divided by how often", "dZ[places]", "dZ[places] / np.bincount(places)[places]"),
    ],
    "residual_block": [
        ("shortcut forgotten", '"X": dR + dH', '"X": dH'),
        ("branch forgotten", '"X": dR + dH @ W.T', '"X": dR'),
        ("derivative without the shortcut", "np.tanh(X + H @ V)", "np.tanh(H @ V)"),
    ],
    "dropout": [
        ("mask not applied", "C * mask / 0.6", "C / 0.6"),
        ("not scaled", "C * mask / 0.6", "C * mask"),
        ("scaled by the rate", "mask / 0.6", "mask / 0.4"),
        ("mask applied to the inputs' gradient twice", "dA * (1 -", "dA * mask / 0.6 * (1 -"),
    ],
    "max_pool": [
        ("spread over the window", "first * C", "np.ones_like(tiles) / 4 * C"),
        (
            "always the first of the window",
            "tiles == tiles.max(axis=(2, 4), keepdims=True)",
            "np.indices(tiles.shape)[2] + np.indices(tiles.shape)[4] == 0",
        ),
        ("smallest instead of largest", "tiles.max(", "tiles.min("),
    ],
    "avg_pool": [
        ("not divided", "axis=2) / 4", "axis=2)"),
        ("divided by the side", "axis=2) / 4", "axis=2) / 2"),
    ],
    "relu": [
        ("mask by the wrong sign", "np.maximum(X, 0)", "np.minimum(X, 0)"),
        ("no mask", "np.maximum(X, 0)", "X"),
    ],
    "relu_layer": [
        ("mask by the input of the layer below", "(X @ W + b > 0)", "(X @ W > 0)"),
        ("mask not applied to the bias", '"b": dZ.sum(axis=0)', '"b": C.sum(axis=0)'),
    ],
    "leaky_relu": [
        ("another slope", "X.dtype.type(0.01)", "X.dtype.type(0.1)"),
        ("slope of the plain one", "np.where(X > 0, 1, X.dtype.type(0.01))", "(X > 0)"),
    ],
    "hardtanh": [("passed through", "((X > -1) & (X < 1))", "1"), ("one side only", "((X > -1) & (X < 1))", "(X < 1)")],
    "gelu_tanh": [
        ("inner derivative forgotten", "(1 - T**2) * inner", "(1 - T**2)"),
        ("3 forgotten", "3 * 0.044715 * X**2", "0.044715 * X**2"),
        ("second term forgotten", "0.5 * (1 + T) + 0.5 * X * (1 - T**2) * inner", "0.5 * (1 + T)"),
    ],
    "gelu": [
        (
            "derivative of the tanh form",
            "Phi + X * np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi)",
            "sigmoid(1.702 * X) * (1 + 1.702 * X * (1 - sigmoid(1.702 * X)))",
        ),
        ("density without its constant", "/ math.sqrt(2 * math.pi)", "/ math.sqrt(math.pi)"),
    ],
    "silu": [
        ("product rule forgotten", "S + X * S * (1 - S)", "S"),
        ("S twice", "S + X * S * (1 - S)", "S + S * (1 - S)"),
    ],
    "swiglu": [
        ("gate's chain forgotten", "C * H * (S + G * S * (1 - S))", "C * H * S"),
        ("input through one branch only", "dG @ W.T + dH @ V.T", "dH @ V.T"),
        ("gate not applied", "C * G * S", "C * G"),
    ],
    "mish": [("inner derivative forgotten", "(1 - T**2) * sigmoid(X)", "(1 - T**2)")],
    "softplus": [("derivative's derivative", "C * sigmoid(X)", "C * sigmoid(X) * (1 - sigmoid(X))")],
    "elu": [("value for derivative", "np.exp(X))", "np.exp(X) - 1)")],
    "selu": [
        ("scale forgotten", "C * 1.0507009873554805", "C"),
        ("α forgotten", "1.6732632423543772 * np.exp(X)", "np.exp(X)"),
    ],
    "prelu": [
        ("slope's gradient not masked", "np.where(X > 0, 0, C * X)", "(C * X)"),
        ("not summed right", ".sum(axis=0)", ".mean(axis=0)"),
    ],
    "softmax_layer": [
        ("Jacobian taken as diagonal", "softmax_backward(C, softmax(Z))", "C * softmax(Z) * (1 - softmax(Z))"),
        (
            "sum over the wrong axis",
            "softmax_backward(C, softmax(Z))",
            "softmax(Z) * (C - (C * softmax(Z)).sum(axis=0))",
        ),
    ],
    "log_softmax": [
        ("sum of the cotangent taken as 1", "softmax(Z) * C.sum(axis=1, keepdims=True)", "softmax(Z)"),
        ("multiplied elementwise", "softmax(Z) * C.sum(axis=1, keepdims=True)", "softmax(Z) * C"),
    ],
    "batch_norm": [
        ("term through the mean forgotten", " - dN.mean(axis=0)", ""),
        ("term through the variance forgotten", " - N * (dN * N).mean(axis=0)", ""),
        ("ε forgotten", "+ EPS", ""),
        ("divided by the variance", "(dN * N).mean(axis=0)) / S", "(dN * N).mean(axis=0)) / S**2"),
        ("unbiased variance", "np.sqrt((D**2).mean(axis=0) + EPS)", "np.sqrt((D**2).sum(axis=0) / (len(X) - 1) + EPS)"),
        ("statistics taken as constants", "dN - dN.mean(axis=0) - N * (dN * N).mean(axis=0)", "dN"),
        ("gain forgotten", "dN = C * g", "dN = C"),
        ("gain's gradient from the input", "(C * N).sum(axis=0)", "(C * X).sum(axis=0)"),
    ],
    "biased_batch_norm": [
        (
            "statistics taken as constants",
            "normalised_backward(C * (1 - np.tanh(N) ** 2), N, S, 0)",
            "C * (1 - np.tanh(N) ** 2) / S",
        )
    ],
    "sum_of_batch_norm": [("term through the mean forgotten", "normalised_backward(C, N, S, 0)", "C / S")],
    "layer_norm": [
        ("means over the wrong axis", "dN - dN.mean(axis=1, keepdims=True)", "dN - dN.mean(axis=0, keepdims=True)"),
        ("term through the variance forgotten", " - N * (dN * N).mean(axis=1, keepdims=True)", ""),
        (
            "ε outside the root",
            "np.sqrt((D**2).mean(axis=1, keepdims=True) + EPS)",
            "np.sqrt((D**2).mean(axis=1, keepdims=True)) + EPS",
        ),
        ("gain's gradient averaged", "(C * N).sum(axis=0)", "(C * N).mean(axis=0)"),
        ("gain applied after", "dN = C * g", "dN = C"),
    ],
    "rms_norm": [
        ("ε forgotten", " + EPS", ""),
        ("power of σ", "/ S**3", "/ S**2"),
        ("sum instead of mean", "(dN * X).mean(axis=1, keepdims=True)", "(dN * X).sum(axis=1, keepdims=True)"),
        ("gain forgotten in the second term", "(dN * X).mean", "(C * X).mean"),
    ],
    "group_norm": [
        ("normalised over the layer", "dN, N, S, 2)", "dN.mean(axis=1, keepdims=True) + 0 * dN, N, S, 2)"),
        ("gain of the wrong channels", "(C * g[:, None])", "(C * g[::-1, None])"),
        (
            "gain's gradient summed over the batch only",
            "(C * N.reshape(X.shape)).sum(axis=(0, 2))",
            "(C * N.reshape(X.shape)).sum(axis=0)[:, 0]",
        ),
    ],
    "l2_normalise": [
        ("projection forgotten", "C - U * (C * U).sum(axis=1, keepdims=True)", "C"),
        ("divided by the square", ".sum(axis=1, keepdims=True)) / r}", ".sum(axis=1, keepdims=True)) / r**2}"),
    ],
    "weight_norm": [
        ("norm taken as constant", "(dW - dg[:, None] * V / r)", "dW"),
        ("norm of the wrong axis", '"g": dg', '"g": (dW * V).sum(axis=1)'),
    ],
    "attention": [
        ("mask not applied", "np.where(mask, Q @ K.T * scale, -1e9)", "(Q @ K.T * scale)"),
        ("scale forgotten", "softmax_backward(dP, P) * scale", "softmax_backward(dP, P)"),
        ("Jacobian taken as diagonal", "softmax_backward(dP, P)", "dP * P * (1 - P)"),
        ("transpose of the scores forgotten", "dS.T @ Q", "dS @ Q"),
        ("transpose of the weights forgotten", "P.T @ C", "P @ C"),
        ("weights detached", "dS = softmax_backward(dP, P) * scale", "dS = 0 * dP"),
    ],
    "attention_with_biases": [
        ("value's bias not weighted", '"v": dV.sum(axis=0)', '"v": dV[0]'),
        ("bias left out of the queries", "dS.T @ (Q + q)", "dS.T @ Q"),
        ("key bias by the absolute sum", '"k": dK.sum(axis=0)', '"k": np.abs(dK).sum(axis=0)'),
    ],
    "two_heads": [
        ("heads exchanged", "dH[h] @ V.T", "dH[1 - h] @ V.T"),
        ("only the last head", "dW[h] = X.T", "dW *= 0\n        dW[h] = X.T"),
    ],
    "rnn": [
        ("truncated after one step", "dh = W @ dZ", "dh = 0 * dZ"),
        ("transpose forgotten", "dh = W @ dZ", "dh = dZ @ W"),
        ("last step dropped", "reversed(range(X.shape[0]))", "reversed(range(X.shape[0] - 1))"),
        ("overwritten instead of accumulated", "dU += np.outer(X[t], dZ)", "dU = np.outer(X[t], dZ)"),
        ("state off by one", "np.outer(H[t], dZ)", "np.outer(H[t + 1], dZ)"),
        ("derivative of the previous state", "(1 - H[t + 1] ** 2)", "(1 - H[t] ** 2)"),
        ("later losses forgotten", "(dh + C[t])", "C[t]"),
        ("first state detached", '"h0": dh', '"h0": 0 * dh'),
    ],
    "lstm": [
        ("cell's own path forgotten", "dz[-n:], dc * f", "dz[-n:], 0 * dc"),
        ("output's path into the cell forgotten", "dc = dc + dh * o * (1 - T**2)", "dc = dc + 0"),
        ("forget gate by the new cell", "dc * previous * f", "dc * c * f"),
        ("gate's derivative forgotten", "di = dc * g * i * (1 - i)", "di = dc * g"),
        ("state detached", "dh, dc = dz[-n:], dc * f", "dh, dc = 0 * dz[-n:], dc * f"),
        ("candidate by sigmoid's derivative", "dc * i * (1 - g**2)", "dc * i * g * (1 - g)"),
        ("gates in another order", "(di, df, do, dg)", "(di, df, dg, do)"),
    ],
    "gru": [
        ("reset not applied to the candidate's state", "np.outer(r * h, dn)", "np.outer(h, dn)"),
        ("carried state forgotten", "dh = dh * (1 - z) + drh", "dh = drh"),
        ("update gate by the wrong sign", "dh * (n - h) * z", "dh * (h - n) * z"),
        ("reset's path forgotten", "+ U[0] @ dz + U[1] @ dr", "+ U[0] @ dz"),
        ("candidate's update gate swapped", "dn = dh * z * (1 - n**2)", "dn = dh * (1 - z) * (1 - n**2)"),
    ],
    "linear_recurrence": [
        ("decay's derivative forgotten", "ds * S[t] * decay * (1 - decay)", "ds * S[t]"),
        ("truncated", "ds = ds * decay", "ds = 0 * ds"),
        ("state off by one", "ds * S[t] * decay", "ds * S[t + 1] * decay"),
    ],
    "cross_entropy": [
        ("mean over the batch forgotten", "dZ / len(Z)", "dZ"),
        ("mean over all entries", "dZ / len(Z)", "dZ / Z.size"),
        ("labels forgotten", "-= 1", "-= 0"),
        ("with the softmax's own derivative", "dZ / len(Z)", "dZ * softmax(Z) * (1 - softmax(Z)) / len(Z)"),
        ("index off by one", "labels] -= 1", "labels - 1] -= 1"),
    ],
    "smoothed_cross_entropy": [
        ("smoothing forgotten", "0.9 * Y + 0.1 / Y.shape[1]", "Y"),
        ("smoothing not shared out", "0.1 / Y.shape[1]", "0.1"),
    ],
    "weighted_cross_entropy": [
        ("divided by the number", "/ w[labels].sum()", "/ len(Z)"),
        ("weights forgotten", "dZ * w[labels][:, None]", "dZ"),
    ],
    "softmax_classifier": [
        ("penalty forgotten", " + 0.1 * W", ""),
        ("penalty's factor", " + 0.1 * W", " + 0.05 * W"),
        ("bias penalised", '"b": dZ.sum(axis=0)', '"b": dZ.sum(axis=0) + 0.1 * b'),
    ],
    "bce_with_logits": [
        ("extra sigmoid derivative", "(sigmoid(Z) - Y)", "(sigmoid(Z) - Y) * sigmoid(Z) * (1 - sigmoid(Z))"),
        ("mean over the batch only", "/ Y.size", "/ len(Y)"),
        ("sign", "(sigmoid(Z) - Y)", "(Y - sigmoid(Z))"),
    ],
    "focal": [
        ("modulation taken as constant", "2 * (1 - P) * np.log(P) - (1 - P)", "-(1 - P)"),
        ("factor 2 forgotten", "2 * (1 - P) * np.log", "(1 - P) * np.log"),
        ("sign of negatives forgotten", "sign * dP", "dP"),
    ],
    "hinge": [
        ("inactive not masked", "y * (X @ W) < 1", "y * y > 0"),
        ("penalty forgotten", " + W}", "}"),
        ("margin at 0", "y * (X @ W) < 1", "y * (X @ W) < 0"),
    ],
    "multiclass_hinge": [
        ("right label's entry forgotten", "-dZ.sum(axis=1)", "0"),
        ("right label's entry -1", "-dZ.sum(axis=1)", "-1"),
    ],
    "huber": [("never clipped", "np.clip(Z - Y, -1, 1)", "(Z - Y)"), ("clipped at 2", "-1, 1)", "-2, 2)")],
    "quantile_loss": [("sides exchanged", "Y > Z", "Y < Z"), ("median's", "-0.9, 0.1", "-0.5, 0.5")],
    "log_cosh": [("sign", "np.tanh(Z - Y)", "np.tanh(Y - Z)")],
    "triplet": [
        ("anchor as if positive and negative were fixed", "scale * (N - P)", "scale * (A - P)"),
        ("factor 2 forgotten", "scale = 2 /", "scale = 1 /"),
        ("inactive not masked", " + 0.5 > 0", " + 1e9 > 0"),
    ],
    "contrastive": [
        ("temperature forgotten", " / len(U) / 0.5", " / len(U)"),
        ("other side by the same matrix", "dS.T @ U", "dS @ U"),
        ("one side only", '"V": dS.T @ U', '"V": -U / len(U) / 0.5'),
    ],
    "margin_contrastive": [
        ("unit vector not made", "(U - V) / d)", "(U - V))"),
        ("margin's sign", "-np.maximum(2 - d, 0)", "np.maximum(2 - d, 0)"),
    ],
    "kl_divergence": [
        ("log-ratio's mean forgotten", "ratio - np.sum(P * ratio, axis=1, keepdims=True)", "ratio"),
        ("other direction", '"R": (Q - P)', '"R": (P - Q)'),
        ("diagonal", "ratio - np.sum(P * ratio, axis=1, keepdims=True)", "ratio * (1 - P)"),
    ],
    "gaussian_kl": [
        ("log variance taken as log deviation", "0.5 * (np.exp(s) - 1)", "np.exp(2 * s) - 1"),
        ("half forgotten", "0.5 * (np.exp(s) - 1)", "(np.exp(s) - 1)"),
    ],
    "cosine_embedding": [
        ("norms taken as constants", " - cos * U / u**2", ""),
        ("other norm", "cos * V / v**2", "cos * V / u**2"),
    ],
    "poisson_nll": [
        ("rate taken as its log", "np.exp(s) - counts", "1 - counts / np.exp(s)"),
        ("mean forgotten", " / s.size", ""),
    ],
    "gaussian_nll": [
        ("variance's term", "(1 - D**2 * np.exp(-s)) / 2", "(1 - D**2 * np.exp(-s))"),
        ("precision forgotten", "-D * np.exp(-s)", "-D"),
        ("log det's sign", "(1 - D**2", "(-1 - D**2"),
    ],
    "dice": [
        ("denominator taken as constant", "(2 * Y - score)", "(2 * Y)"),
        ("smoothing forgotten", "+ Y.sum() + 1", "+ Y.sum()"),
    ],
    "elastic_net": [
        ("sign for the penalty's factor", "0.1 * np.sign(W)", "0.1 * W"),
        ("mean forgotten", " / len(y)", ""),
        ("L1 forgotten", " + 0.1 * np.sign(W)", ""),
    ],
    "mixture_nll": [
        ("prior forgotten", "softmax(a) - R", "-R"),
        ("deviation for variance", "(R * U * np.exp(-s))", "(R * U)"),
    ],
    "bpr": [
        ("second item forgotten", "dS[1:] -= d", "pass"),
        ("overwritten instead of accumulated", "dS[1:] -= d", "dS[1:] = -d"),
    ],
    "sum_of_softmax": [
        ("Jacobian taken as diagonal", "P * (C - (C * P).sum(axis=1, keepdims=True))", "P * C * (1 - P)")
    ],
    "crf": [
        ("transitions of the labels forgotten", "dT[labels[t], labels[t + 1]] -= 1", "pass"),
        ("transitions transposed", "dT[labels[t], labels[t + 1]]", "dT[labels[t + 1], labels[t]]"),
        ("last step dropped", "for t in range(n - 1):", "for t in range(n - 2):"),
        ("forward messages only", "np.exp(alpha + beta - log_Z)", "np.exp(alpha - logsumexp(alpha)[:, None])"),
    ],
    "ctc": [
        ("repeats skipped", "np.where(skip[2:], d[2:], 0)", "np.where(states[2:] != 0, d[2:], 0)"),
        ("last blank forgotten", "da[-2:] = ", "da[-2:-1] = "),
        (
            "repeated labels overwritten",
            "np.add.at(dP[t], states, da * ctc_step(A[t - 1], skip))",
            "dP[t][states] = da * ctc_step(A[t - 1], skip)",
        ),
        ("first step dropped", "np.add.at(dP[0], states[:2], da[:2])", "pass"),
    ],
    "log_det": [
        ("sign", "2 * np", "-2 * np"),
        ("factor 2 forgotten", "2 * np", "1 * np"),
        ("of the inverse's root", "np.linalg.inv(symmetric(A)) @ A", "np.linalg.inv(symmetric(A))"),
    ],
    "log_det_by_numpy": [
        ("constant's sign", "2 * c", "-2 * c"),
        ("matrix's own inverse", "np.linalg.inv(symmetric(A)) @ A", "np.linalg.inv(A).T"),
    ],
    "linear_solve": [
        ("sign", "-np.outer(db, x)", "np.outer(db, x)"),
        ("transposed twin forgotten", "(dS + dS.T)", "(2 * dS)"),
        ("outer product the other way, not symmetrised", "(dS + dS.T)", "dS"),
    ],
    "inverse_trace": [
        ("transposed twin forgotten", "(dS + dS.T)", "(2 * dS)"),
        ("one inverse only", "inverse.T @ C.T @ inverse.T", "C.T @ inverse.T"),
        ("sign", "-(inverse.T", "(inverse.T"),
    ],
    "eigenvalues": [("eigenvectors in rows", "(V * c) @ V.T", "(V.T * c) @ V"), ("factor 2 forgotten", "2 * (V", "(V")],
    "sorted_sum": [
        ("not brought back to its place", "dx[order] = 2", "dx[:] = 2"),
        ("inverse permutation", "dx[order] = 2 * c * x[order]", "dx[:] = 2 * x[order] * c[order]"),
    ],
    "median": [("upper middle only", "[2:4]] += c / 2", "[3:4]] += c"), ("both whole", "+= c / 2", "+= c")],
    "quantile": [("wrong neighbour", "[1:3]", "[2:4]"), ("weights unequal", "dx[high] = 0.5", "dx[high] = 0.3")],
    "cumulative_products": [
        ("own step forgotten", "[i:])", "[i + 1 :])"),
        ("total only", "np.sum((C * others)[i:])", "C[-1] * others[-1]"),
    ],
    "discounted_returns": [
        ("discount forgotten", "dG = gamma[0] * dG + G[t]", "dG = dG + G[t]"),
        ("index off by one", "dgamma += dG * G[t + 1]", "dgamma += dG * G[t]"),
        ("chain through the sigmoid forgotten", "dgamma * gamma * (1 - gamma)", "dgamma * gamma / gamma"),
    ],
    "rk4": [
        ("stages taken as constants", "dc = dc + h * dz", "dc = dc + 0 * dz"),
        (
            "half step taken as whole",
            'elif back == "c":\n                db = db + h / 2 * dz',
            'elif back == "c":\n                db = db + h * dz',
        ),
        ("last step dropped", "in reversed(path):", "in reversed(path[:-1]):"),
        ("Euler's adjoint", "h / 6 * dy, h / 3 * dy, h / 3 * dy, h / 6 * dy", "h * dy, 0 * dy, 0 * dy, 0 * dy"),
    ],
    "decay_by_scipy": [
        ("sensitivity without the forcing", '"k": C * (dp - 2 * k / q**2 * e', '"k": C * (0 * dp'),
        ("time forgotten", "np.exp(-2 * k)", "np.exp(-k)"),
    ],
    "fixed_point": [
        ("one step instead of the implicit function", "D @ np.linalg.solve((np.eye(3) - D @ W).T, C)", "D @ C"),
        ("transpose forgotten", "(np.eye(3) - D @ W).T", "(np.eye(3) - D @ W)"),
        ("derivative on the wrong side", "np.eye(3) - D @ W", "np.eye(3) - W @ D"),
    ],
    "newton_root": [
        ("last step only", "C / (3 * x**2 + 1)", "C * (1 - (6 * x) * (x**3 + x - a))"),
        ("sign", "C / (3", "-C / (3"),
    ],
    "interpolation": [
        (
            "weights exchanged",
            "np.add.at(dy, k, C * (1 - w))\n    np.add.at(dy, k + 1, C * w)",
            "np.add.at(dy, k, C * w)\n    np.add.at(dy, k + 1, C * (1 - w))",
        ),
        ("width forgotten", "(y[k + 1] - y[k]) / width", "(y[k + 1] - y[k])"),
        ("shared knots overwritten", "np.add.at(dy, k, C * (1 - w))", "dy[k] += C * (1 - w)"),
    ],
    "spline": [
        ("factor 2 forgotten", "2 * B.T", "B.T"),
        (
            "linear weights",
            'CubicSpline(KNOTS, np.eye(5), bc_type="natural")([0.3, 2.7, 1.9, 4.1])',
            "np.stack([np.interp([0.3, 2.7, 1.9, 4.1], KNOTS, row) for row in np.eye(5)], axis=1)",
        ),
    ],
    "bilinear_sampling": [
        ("corners exchanged", "(i, j + 1), C * (1 - u) * v", "(i, j + 1), C * u * (1 - v)"),
        ("places' axes exchanged", "[du, dv]", "[dv, du]"),
        ("one row only", "+ v * (I[i + 1, j + 1] - I[i, j + 1])", "+ 0 * v"),
    ],
    "power_spectrum": [
        ("all frequencies doubled alike", "weight * C * X", "C * X"),
        ("length forgotten", "2 * len(x) *", "2 *"),
    ],
    "kalman": [
        ("gain taken as constant", "dK = dm * e - dp * p", "dK = 0 * dm"),
        (
            "variance's own path forgotten",
            "dm, dp = dmean * a[0], dprior * a[0] ** 2",
            "dm, dp = dmean * a[0], 0 * dprior",
        ),
        ("log det forgotten", "(1 / S - (e / S) ** 2) / 2", "-((e / S) ** 2) / 2"),
        ("log's chain forgotten", "dq * q, dr * r", "dq, dr"),
    ],
    "gaussian_process": [
        ("log det forgotten", "(inverse - np.outer(alpha, alpha)) / 2", "-np.outer(alpha, alpha) / 2"),
        ("log det's sign", "(inverse - np", "(-inverse - np"),
        ("length's square forgotten", "np.exp(-2 * theta[1])", "np.exp(-theta[1])"),
        ("noise not doubled", "noise = 2 * np", "noise = np"),
    ],
    "softmax_temperature": [
        ("square forgotten", "/ tau[0] ** 2", "/ tau[0]"),
        ("temperature forgotten in the logits", '"Z": dL / tau', '"Z": dL'),
    ],
    "log_gamma": [
        ("chain forgotten", "2 * t * c * digamma", "c * digamma"),
        ("digamma by its logarithm", "digamma(1 + t * t)", "math.log(1 + t * t)"),
    ],
    "matrix_exponential": [
        ("as if it commuted", 'return {"A": total[:3, 3:]}', 'return {"A": C @ total[:3, :3]}'),
        ("transpose forgotten", "[[A.T, C], [np.zeros_like(A), A.T]]", "[[A, C], [np.zeros_like(A), A]]"),
    ],
    "polynomial": [
        ("power off by one", "x ** (n - 1 - i)", "x ** (n - i)"),
        ("exponent forgotten", "(n - 1 - i) * a[i]", "a[i]"),
    ],
    "rosenbrock": [
        (
            "inner factor forgotten",
            'return {"x": rosenbrock_gradient(x)}',
            'return {"x": rosenbrock_gradient(x) + np.append(2 * (1 - x[:-1]), 0)}',
        )
    ],
    "least_squares": [
        ("residual's sign", "(X @ w - y)", "(y - X @ w)"),
        ("mean taken", "X.T @ (X @ w - y)", "X.T @ (X @ w - y) / len(y)"),
    ],
    "ackley": [
        ("mean under the root forgotten", "(n * r)", "r"),
        ("waves' mean forgotten", "2 * math.pi / n", "2 * math.pi"),
    ],
    "naive_variance": [("mean taken as constant", "2 * (x - x.mean())", "2 * x")],
    "entropy": [("its 1 forgotten", " - 1}", "}")],
    "norm": [("not divided", "x / np.sqrt(np.sum(x**2))", "x"), ("squared", "np.sqrt(np.sum(x**2))", "np.sum(x**2)")],
    "angle": [("sign", '"x": -C', '"x": C'), ("not a quotient", '"y": C * x / (x**2 + y**2)', '"y": C / (1 + y**2)')],
    "geometric_mean": [("number forgotten", "(x.size * x)", "x")],
    "separable_logistic": [
        ("mean forgotten", " / len(y)", ""),
        ("probability of the other side", "sigmoid(-y * (X @ w))", "sigmoid(y * (X @ w))"),
    ],
    "saturated_logistic": [("labels forgotten", "y * sigmoid", "sigmoid")],
    "sigmoid_layers": [
        ("hidden derivative forgotten", "H * (1 - H)", "1"),
        ("output derivative forgotten", "C * A * (1 - A)", "C"),
    ],
    "by_lists": [("factor 2 forgotten", "2 * X.T", "X.T")],
    "network_kernel": [("derivative forgotten", " * (1 - H**2)", "")],
    "attention_kernel": [
        ("Jacobian taken as diagonal", "P * (dP - (dP * P).sum(axis=1, keepdims=True))", "dP * P * (1 - P)")
    ],
    "exact_fit": [("penalty added", "np.array([1.0, -2, 0.5]))}", "np.array([1.0, -2, 0.5])) + 0.01 * w}")],
}
