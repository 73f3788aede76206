import baskets
import clock
import fim

lists = baskets.lists("types")
fim.eclat(lists[:1000], supp=-100, report="a")
clock.report(lambda: fim.eclat(lists, supp=-156, report="a"), lambda sets: len(sets))
