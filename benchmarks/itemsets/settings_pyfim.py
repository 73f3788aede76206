"""Every setting with one of PyFIM's miners, from lists of items to tuples with counts: one line of JSON each."""

import sys

import baskets
import fim
import turns

algorithm = getattr(fim, sys.argv[1])


def load(name):
    """The lists, and a call on them."""
    lists = baskets.lists(name)
    return lambda count: algorithm(lists, supp=-count, report="a")


turns.take(load, lambda sets: len(sets))
