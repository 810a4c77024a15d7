"""Code that a single chapter needs, in a package with the chapter's slug."""
