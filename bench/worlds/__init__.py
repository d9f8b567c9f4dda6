"""Made-up worlds in which it is known why the bill changed, and how often an explanation says so.

product     features, call sites, customers, models and prices, as they are on an average day
drift       how all of it moves by itself, day by day
quantities  a window of both, day by day: what causes change
causes      the fifteen kinds of causes, and what each changes
world       a product, its drift, its windows, and the causes in the last of them
simulate    a window of a world, added up, with any subset of its causes
truth       what each cause moved: its Shapley value over the causes, from every subset
grains      a world as the explanation sees it: by call site, or by feature alone
rivals      sequential, LMDI and midpoint decompositions, over the same factors
dollars     how many dollars are on the right driver and segment
found       which causes are found among the lines
telling     the lines of an explanation, and whether they are called within normal variation
judge       all of it over many worlds: `python -m bench.worlds`
short       some of them, for `python -m bench worlds`
"""

from bench.worlds.short import measured

__all__ = ["measured"]
