import baskets
import clock
import fim

lists = baskets.lists("types")
fim.fpgrowth(lists[:1000], supp=-100, report="a")
clock.report(lambda: fim.fpgrowth(lists, supp=-156, report="a"), lambda sets: len(sets))
