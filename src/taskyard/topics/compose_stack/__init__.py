"""A Compose project drawn, its variables traced, its changes foretold."""
