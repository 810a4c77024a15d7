"""What the shop says about its goods. You need not change this file."""

from cache import cached
from language import complete


@cached(ttl_s=600)
def describe(product):
    """Describe a product for its page."""
    return complete(f"{product}, for its page")


@cached(ttl_s=600)
def offers(day, tags):
    """Advertise what is cheap on a day, for customers who look for some of the tags."""
    return complete(f"offers of {day:%d %B} for {', '.join(sorted(tags))}")
