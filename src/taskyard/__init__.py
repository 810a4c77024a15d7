"""Taskyard: the tooling behind the chapters, labs and cards."""
