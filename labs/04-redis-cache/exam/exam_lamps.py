"""Functions of the check's own; `exam_chairs.py` is the same file, so only its name differs."""

from cache import cached
from language import complete


@cached(ttl_s=3000)
def describe(product):
    """Describe a product."""
    return complete(f"{product} of {__name__}")


@cached(ttl_s=3000)
def describe_again(product):
    """Describe a product in other words."""
    return complete(f"{product} of {__name__}, again")


@cached(ttl_s=3000)
def same(number):
    """Return what it gets: another answer is that to another question."""
    return number
