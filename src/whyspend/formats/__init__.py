"""How an answer is written: each file is `write(table, out, **options)`; `_` files are shared.

What commands need of them to write single values is named here.
"""

from whyspend.formats._cells import instant, plain
from whyspend.spelling import exact, money, visible

__all__ = ["exact", "instant", "money", "plain", "visible"]
