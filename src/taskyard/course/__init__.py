"""The course on disk: chapters, labs and cards, found by their names."""

from taskyard.course.course import Chapter, Course, Lab

__all__ = ["Chapter", "Course", "Lab"]
