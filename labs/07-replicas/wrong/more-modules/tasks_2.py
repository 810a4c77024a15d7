"""The second worker's task."""

from tasks import app, fetch_prices


@app.task
def fetch_prices_2(supplier):
    """Ask a supplier for its prices, and wait for the answer."""
    return fetch_prices(supplier)
