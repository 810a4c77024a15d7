"""The shop with functions of the check's own, which it imports in the order of its arguments."""

import importlib
import sys
import threading
from http.client import HTTPException

import shop

for name in sys.argv[1:]:
    module = importlib.import_module(name)
    shop.FUNCTIONS[f"/{name}"] = module.describe
    shop.FUNCTIONS[f"/{name}/again"] = module.describe_again

same = sys.modules["exam_lamps"].same
shop.FUNCTIONS["/confused"] = lambda count: [n for n in range(count) if same(n) != n]


class Shop(shop.Shop):
    guard = threading.Lock()
    inside = 0  # customers who wait for an answer

    def do_POST(self):
        """Answer as the shop does; it knows no model that breaks off."""
        self.count(1)
        try:
            super().do_POST()
        except (OSError, HTTPException) as error:
            self.answer(503, {"error": str(error)})
        finally:
            self.count(-1)

    def do_GET(self):
        self.answer(200, {"inside": Shop.inside})

    def count(self, change):
        with self.guard:
            Shop.inside += change


if __name__ == "__main__":
    shop.Server(("0.0.0.0", 8000), Shop).serve_forever()
