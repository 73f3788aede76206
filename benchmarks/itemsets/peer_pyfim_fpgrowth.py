import baskets
import clock
import fim

lists = baskets.lists()
clock.report(lambda: fim.fpgrowth(lists, supp=-156, report="a"), lambda sets: len(sets))
