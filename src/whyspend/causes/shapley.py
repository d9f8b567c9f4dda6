"""The change of a product, split among its factors: the exact Shapley value, by quadrature.

What a leaf of the bill costs is a product of factors, a before and b after. The share of factor i in the change is

    (b_i - a_i) * integral over t in [0, 1] of the product over j != i of (a_j + t (b_j - a_j)) dt

which is its Shapley value over all n! orders in which the factors could have changed (Aumann-Shapley; Owen's
multilinear extension). The integrand is a polynomial of degree n - 1, so Gauss-Legendre with ceil(n / 2) nodes has
no error but that of floating point: 2e-16, where 2^n coalitions would have to be counted otherwise.

    requests 100 -> 120, tokens a call 1,000 -> 1,500, dollars a token 0.00001: $1.00 -> $1.80
    requests: 20 * (1,000 + 1,500) / 2 * 0.00001 = $0.25; tokens: 500 * (100 + 120) / 2 * 0.00001 = $0.55
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shares(before: Floats, after: Floats) -> Floats:
    """The Shapley value of each factor in the change of each row's product.

    Swapping `before` and `after` flips every sign, to the last bit: nodes come in pairs that change places.

    Args:
        before: rows x factors.
        after: the same shape.

    Returns:
        rows x factors; each row adds up to the change of the row's product, but for the last bits.
    """
    middle, half = (after + before) / 2, (after - before) / 2
    nodes, weights = np.polynomial.legendre.leggauss((before.shape[1] + 1) // 2)
    total = np.zeros_like(middle)
    for node, weight in zip(nodes, weights, strict=True):
        if node > 1e-12:
            total += weight * (_others(middle + node * half) + _others(middle - node * half))
        elif node > -1e-12:
            total += weight * _others(middle)
    # d_i = 2 * half_i, and an integral over [0, 1] is half of one over [-1, 1].
    shared: Floats = half * total
    return shared


def _others(values: Floats) -> Floats:
    """For each factor the product of all others of its row; without a division, for factors may be 0."""
    rows, count = values.shape
    left, right = np.ones((rows, count)), np.ones((rows, count))
    for at in range(1, count):
        left[:, at] = left[:, at - 1] * values[:, at - 1]
        right[:, count - 1 - at] = right[:, count - at] * values[:, count - at]
    product: Floats = left * right
    return product
