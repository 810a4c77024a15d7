"""What a learner does: run, check, repair, and see how far they are."""
