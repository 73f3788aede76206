"""Recommenders from what people did: favourites of all, of each, of similar and of linked
customers.

On goods that are bought again and again, what the customer bought before is the strongest signal
there is; any model has to beat `PersonalFrequency` before it earns its place. Where a customer has
no history, friends are all there is.
"""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.preprocessing import normalize

from personalize.recommenders.base import Range, Recommender, Wanted, arrays, at_least, on_bought
from personalize.recommenders.history import History, csr
from personalize.tables import TableError

__all__ = ["TIFU", "MostPopular", "PersonalFrequency", "Social", "UserKNN"]

_NOT_YET = -1  # neighbours that nobody has asked for


class MostPopular(Recommender):
    """The products with the most buyers, the same for everybody.

    Notes
    -----
    score = share of customers who bought the product up to `as_of`; customers count once, however
    often they bought. The naive baseline for discovery.
    """

    def _learn(self, history: History) -> None:
        self.share_ = history.buyers / history.people

    def _score(self, want: Wanted) -> sparse.csr_array:
        shape = len(want.row), len(self.share_)
        if want.repeat != "due":
            return sparse.csr_array(shape)  # the lists are filled with what sells best
        return on_bought(self.history_, want.row, np.broadcast_to(self.share_, shape))

    def _fill_score(self, col: np.ndarray) -> np.ndarray:
        return self.share_[col]


class PersonalFrequency(Recommender):
    """What the customer bought most often, recent orders counting more.

    Parameters
    ----------
    half_life_weeks : weeks after which an order counts half, above 0; None counts every order
        alike. 26 was chosen on earlier weeks of Complete Journey; shorter suits goods with short
        fashions

    Notes
    -----
    score = sum over the customer's orders of the product of 2 ** (-age in days / (7
    half_life_weeks)). It names nothing new; a list that runs short is filled with what sells best.

    References
    ----------
    Hu et al. (2020), "Modeling personalized item frequency information for next-basket
    recommendation", SIGIR; Li et al. (2023), "A next basket recommendation reality check", ACM TOIS
    41(4).
    """

    ranges = {"half_life_weeks": Range(above=0, none=True)}

    def __init__(self, half_life_weeks: float | None = 26) -> None:
        self.half_life_weeks = half_life_weeks

    def _learn(self, history: History) -> None:
        self.frequency_ = history.matrix(history.decayed(self.half_life_weeks))

    def _score(self, want: Wanted) -> sparse.csr_array:
        return self.frequency_[want.row]


class UserKNN(Recommender):
    """What the most similar customers buy.

    Parameters
    ----------
    neighbours : similar customers to ask, 1 or more
    half_life_weeks : as for `PersonalFrequency`; it shapes both who is similar and what they buy
    favourites : a neighbour speaks for this many of its most frequent products, 1 or more; more
        take time and change next to nothing
    components : compare customers in the space of this many principal components, 1 or more,
        instead of product by product: customers who buy the like, not the same, are then near. None
        compares product by product

    Notes
    -----
    Customers are compared by the cosine of their decayed frequencies; score = mean frequency of the
    product among the neighbours who have it among their favourites. Comparing everybody with
    everybody takes time in proportion to the sum over products of the squared number of buyers; a
    customer is compared when first asked for. Principal components are those of the frequencies
    scaled to length 1, not centred (a truncated singular value decomposition, which keeps what is 0
    out of memory).
    """

    ranges = {
        "neighbours": Range(1),
        "half_life_weeks": Range(above=0, none=True),
        "favourites": Range(1),
        "components": Range(1, none=True),
    }

    def __init__(
        self,
        neighbours: int = 50,
        half_life_weeks: float | None = 26,
        favourites: int = 50,
        *,
        components: int | None = None,
    ) -> None:
        self.neighbours = neighbours
        self.half_life_weeks = half_life_weeks
        self.favourites = favourites
        self.components = components

    def _learn(self, history: History) -> None:
        self.frequency_ = history.matrix(history.decayed(self.half_life_weeks))
        self.favourites_ = _favourites(self.frequency_, self.favourites)
        self._spoken = sparse.csr_array(sparse.vstack([self.favourites_, self.frequency_]))
        compared = normalize(self.frequency_)
        if self.components is not None:
            compared = normalize(_principal(compared, self.components))
        self.compared_ = sparse.csr_array(compared)
        self._by_column = self.compared_.T.tocsr()
        nobody = len(history.customers)
        asked = max(1, min(self.neighbours, nobody - 1))
        self._found = np.full((nobody + 1, asked), _NOT_YET, dtype=np.int32)
        self._found[nobody] = nobody

    def _score(self, want: Wanted) -> sparse.csr_array:
        return self._blend(want.row, 0)

    def _blend(self, row: np.ndarray, own: float) -> sparse.csr_array:
        """The customers' own frequencies, and the mean of the neighbours', by one product."""
        near = self._near(row)
        people = np.column_stack([len(self._found) + row, near])
        weights = np.full(people.shape, (1 - own) / near.shape[1])
        weights[:, 0] = own
        start = people.shape[1] * np.arange(len(row) + 1)
        shape = len(row), self._spoken.shape[0]
        return csr(weights.ravel(), people.ravel(), start, shape) @ self._spoken

    def _near(self, row: np.ndarray) -> np.ndarray:
        """Numbers of the most similar others of each customer; the last number is nobody's."""
        from personalize.recommenders import kernels

        missing = row[self._found[row, 0] == _NOT_YET]
        matrices = arrays(self.compared_), arrays(self._by_column)
        self._found[missing] = kernels.nearest(missing, *matrices, self._found.shape[1])
        return self._found[row]

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        return ["bought by customers with similar baskets"] * len(row)


class TIFU(UserKNN):
    """The customer's own favourites, blended with those of similar customers.

    Parameters
    ----------
    own : weight of the customer's own frequencies, 0 to 1; the neighbours' mean has the rest
    neighbours, half_life_weeks, favourites, components : as for `UserKNN`

    Notes
    -----
    score = own * frequency + (1 - own) * mean frequency among the neighbours. The name is that of
    the method it follows (temporal item frequency, user k nearest neighbours); the decay here is by
    days, not by position of the basket.

    References
    ----------
    Hu, He, Gao, Zhang (2020), "Modeling personalized item frequency information for next-basket
    recommendation", SIGIR.
    """

    ranges = UserKNN.ranges | {"own": Range(0, 1)}

    def __init__(
        self,
        own: float = 0.7,
        neighbours: int = 50,
        half_life_weeks: float | None = 26,
        favourites: int = 50,
        *,
        components: int | None = None,
    ) -> None:
        super().__init__(neighbours, half_life_weeks, favourites, components=components)
        self.own = own

    def _score(self, want: Wanted) -> sparse.csr_array:
        return self._blend(want.row, self.own)


class Social(Recommender):
    """What linked customers buy, near ones counting more.

    Parameters
    ----------
    steps : how far to walk over links, 1 or more; 1 asks friends only, 2 also their friends
    restart : chance to turn back at every step, above 0 and at most 1; larger stays nearer

    Notes
    -----
    With W the links, each customer's weights scaled to sum 1, the customer weighs others by
    sum over s = 1 ... steps of (1 - restart) ** (s - 1) W ** s (a truncated random walk with
    restart, the customer's own share left out); score = sum of the weights of those who bought the
    product. A link without a weight counts 1. Links carry no time: they are taken to hold from the
    start. A customer in `links` needs no order; ask for such customers by id.

    References
    ----------
    Tong, Faloutsos, Pan (2006), "Fast random walk with restart and its applications", ICDM.
    """

    ranges = {"steps": Range(1), "restart": Range(above=0, high=1)}

    def __init__(self, steps: int = 2, restart: float = 0.15) -> None:
        self.steps = steps
        self.restart = restart

    def _learn(self, history: History) -> None:
        links = _links(history)
        ends = pd.concat([links.customer_id, links.other_id])
        self.people_ = history.customers.union(pd.Index(ends.unique()))
        size = len(self.people_) + 1  # an empty last row, for customers nobody knows
        one = self.people_.get_indexer(links.customer_id)
        other = self.people_.get_indexer(links.other_id)
        weights = sparse.csr_array((links.weight.to_numpy(float), (one, other)), shape=(size, size))
        self.links_ = sparse.csr_array(normalize(weights, norm="l1"))
        number = np.append(history.customers.get_indexer(self.people_), -1)
        self._bought = history.matrix()[number]

    def _score(self, want: Wanted) -> sparse.csr_array:
        person = self.people_.get_indexer(want.customers)
        step = near = self.links_[person]
        for s in range(1, self.steps):
            step = step @ self.links_
            near = near + (1 - self.restart) ** s * step
        near.data[near.indices == np.repeat(person, np.diff(near.indptr))] = 0
        return near @ self._bought

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """How many of the linked customers bought each product."""
        person = self.people_.get_indexer(self.history_.customers[row])
        friends = (self.links_[person] > 0).astype(int)
        many = np.diff(friends.indptr)
        buyers = self._bought.T.tocsr()[col]
        bought = np.asarray(friends.multiply(buyers).sum(axis=1)).ravel().astype(int)
        words = []
        for n, m in zip(bought, many, strict=True):
            friend = f"bought by {n} of {m} linked customers"
            words.append(friend if n else "bought by friends of friends")
        return words


def _favourites(frequency: sparse.csr_array, size: int) -> sparse.csr_array:
    """The largest frequencies of each customer, and those equal to the last of them."""
    runs = np.split(frequency.data, frequency.indptr[1:-1])
    keep = np.concatenate([at_least(run, size) for run in runs])
    start = np.append(0, np.cumsum(keep))[frequency.indptr]
    return csr(frequency.data[keep], frequency.indices[keep], start, frequency.shape)


def _principal(unit: sparse.csr_array, components: int) -> sparse.csr_array:
    """The rows in the space of the first principal components, as many as there are."""
    from sklearn.decomposition import TruncatedSVD  # slow to import, and seldom used

    size = max(1, min(components, min(unit.shape) - 1))
    return sparse.csr_array(TruncatedSVD(size, random_state=0).fit_transform(unit))


def _links(history: History) -> pd.DataFrame:
    """The ties between two different customers, with their weights."""
    links = history.described.ties()
    weight = links.get("weight", pd.Series(1.0, links.index)).fillna(1.0)
    links = links.assign(weight=weight)[links.customer_id != links.other_id]
    negative = int((links.weight < 0).sum())
    if links.empty or negative:
        raise TableError(
            f"table 'links' holds {len(links):,} ties between two customers, {negative:,} of them "
            "with a weight below 0: give at least one tie, with weights of 0 or more"
        )
    return links
