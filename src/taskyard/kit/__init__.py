"""What demos, checks and chapters hold in their hands."""
