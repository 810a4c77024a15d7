"""The learner's commands: run a lab, check it, get help, and see what is done."""
