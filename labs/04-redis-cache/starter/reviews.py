"""What customers say about the goods. You need not change this file."""

from cache import cached
from language import complete


@cached(ttl_s=600)
def describe(product):
    """Sum up what customers wrote about a product."""
    return complete(f"{product}, as customers see it")
