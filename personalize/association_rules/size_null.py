"""What baskets would hold without any association: a model that knows their sizes and how common
products are.

A big basket holds more of everything, so two products that have nothing to do with each other meet
more often than the textbook's independence says: almost every pair in a shop has lift > 1. The null
here knows how big each basket is and how common each product is, and nothing else.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import expit

CHUNK = 512
HALVES = np.array([1.0, 0.5, 0.1])


@dataclass(frozen=True, eq=False)
class BasketSizeNull:
    """Chance of each product in a basket of each size when nothing attracts or repels anything.

    Attributes
    ----------
    sizes, n_sizes : the basket sizes (distinct products) that occur, and how many baskets have each
    size_effect, item_effect : a and b of the model, one a size, one a product

    Notes
    -----
    The maximum-entropy model with the given basket sizes and product counts as expectations:
    logit p[s, i] = a[s] + b[i], with sum over i of p[s, i] = s and sum over baskets of p[s, i] =
    n[i]. Products of equal count share one parameter; Newton's method on the convex dual. A product
    in every basket has p = 1, a basket of all products too. Products share the places of a basket:
    given its size exactly, two of them are together with chance p[i] p[j] (1 - (1 - p[i]) (1 -
    p[j]) / d), d = sum of p (1 - p) over all products (Hájek), and never in a basket of fewer
    products; larger sets take the factor of each of their pairs.

    References
    ----------
    De Bie (2011), Maximum entropy models and subjective interestingness, DMKD 23(3); the same
    margins are what swap randomisation keeps: Gionis, Mannila, Mielikainen, Tsaparas (2007), ACM
    TKDD 1(3). Hájek (1964), Asymptotic theory of rejective sampling, Annals of Mathematical
    Statistics 35(4).

    Examples
    --------
    >>> null = BasketSizeNull.of(sizes=np.array([2, 1, 1, 2]), item_counts=np.array([3, 2, 1]))
    >>> null.expected(np.array([[0, 1]])).round(2)  # baskets with the first two
    array([1.2])
    """

    sizes: np.ndarray = field(repr=False)
    n_sizes: np.ndarray = field(repr=False)
    size_effect: np.ndarray = field(repr=False)
    item_effect: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, sizes: np.ndarray, item_counts: np.ndarray) -> "BasketSizeNull":
        """The model of baskets of these sizes, with products in so many of them."""
        sizes, n_sizes = np.unique(sizes, return_counts=True)
        counts, kind, members = np.unique(item_counts, return_inverse=True, return_counts=True)
        a, b = _newton(sizes, counts, (n_sizes, members))
        return cls(sizes, n_sizes, a, b[kind])

    def chance(self, codes: np.ndarray) -> np.ndarray:
        """The chance of each of the products in a basket of each size: (products, sizes)."""
        return expit(self.item_effect[codes][:, None] + self.size_effect)

    @cached_property
    def room(self) -> np.ndarray:
        """d of the notes, for each size: how much choice a basket of that size leaves."""
        effects, members = np.unique(self.item_effect, return_counts=True)
        chance = expit(self.size_effect[:, None] + effects)
        return np.maximum((chance * (1 - chance)) @ members, 1e-300)

    def expected(self, sets: np.ndarray) -> np.ndarray:
        """Expected number of baskets that hold each itemset (rows of item codes)."""
        codes, rows = np.unique(sets, return_inverse=True)
        chance = self.chance(codes)
        fits = self.n_sizes * (self.sizes >= sets.shape[1])
        counts = []
        for part in np.array_split(rows.reshape(sets.shape), len(sets) // CHUNK + 1):
            counts.append(self._together([chance[column] for column in part.T]) @ fits)
        return np.concatenate(counts)

    def _together(self, chance: list[np.ndarray]) -> np.ndarray:
        """Chance of all items in one basket, for each itemset (rows) and basket size (columns)."""
        total = chance[0]
        for k, later in enumerate(chance[1:], 1):
            total = total * later
            for earlier in chance[:k]:
                total *= np.maximum(0, 1 - (1 - earlier) * (1 - later) / self.room)
        return total

    def expected_pairs(self, codes: np.ndarray) -> np.ndarray:
        """Expected number of baskets with each two of the products `codes`: an array (codes,
        codes).

        The same numbers as `expected`, as two matrix products; the diagonal has no meaning.
        """
        chance = self.chance(codes)
        weight = self.n_sizes * (self.sizes > 1)
        spare = chance * (1 - chance)
        apart = (spare * (weight / np.maximum(self.room, 1e-12))) @ spare.T
        return np.maximum((chance * weight) @ chance.T - apart, 0)


def _newton(sizes: np.ndarray, counts: np.ndarray, weights: tuple[np.ndarray, np.ndarray]) -> tuple:
    """Parameters a (a size) and b (an item count) whose expected margins are `sizes` and `counts`.

    Where margins leave no choice (a product in every basket) the parameters run off until the
    chance is 0 or 1.
    """
    n_sizes, members = weights
    weight = n_sizes[:, None] * members
    share = np.clip(counts / max(1, n_sizes.sum()), 1e-6, 1 - 1e-6)
    a = np.log(np.maximum(sizes, 1) / max(1e-6, members @ share))
    b = np.log(share / (1 - share))
    for _ in range(100 if weight.size else 0):
        expected = weight * expit(a[:, None] + b)
        gap_a = n_sizes * sizes - expected.sum(axis=1)
        gap_b = members * counts - expected.sum(axis=0)
        if np.abs(gap_a).max() + np.abs(gap_b).max() < 1e-9 * weight.sum() ** 0.5:
            break
        step_a, step_b = _step(expected * expit(-a[:, None] - b), gap_a, gap_b)
        short = 3.0 / max(np.abs(step_a).max(), np.abs(step_b).max(), 3.0)
        tries, losses = [], []
        for length in short * HALVES:
            u, v = np.clip(a + length * step_a, -400, 400), np.clip(b + length * step_b, -400, 400)
            loss = (weight * np.logaddexp(0, u[:, None] + v)).sum()
            tries.append((u, v))
            losses.append(loss - n_sizes * sizes @ u - members * counts @ v)
        a, b = tries[int(np.argmin(losses))]
    return a, b


def _step(slope: np.ndarray, gap_a: np.ndarray, gap_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve [[diag(rows), slope], [slope', diag(columns)]] step = gap, its one free direction held
    still."""
    rows, columns = slope.sum(axis=1) + 1e-12, slope.sum(axis=0) + 1e-12
    inside = slope / columns
    schur = np.diag(rows) - inside @ slope.T
    scale = np.sqrt(rows)
    outer = np.outer(scale, scale)
    fixed = schur / outer + outer / rows.sum() + 1e-10 * np.eye(len(rows))
    step_a = np.linalg.solve(fixed, (gap_a - inside @ gap_b) / scale) / scale
    return step_a, (gap_b - slope.T @ step_a) / columns
