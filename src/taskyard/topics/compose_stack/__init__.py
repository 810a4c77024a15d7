"""Draw a Compose project, trace its variables, and predict what a change takes."""
