"""Lab 02."""

NEEDS_DOCKER = "what is in an image, only a build can show."


def demo(stack, show):
    """Nothing yet."""
