"""Ask the shop's app where it sends its tasks."""
