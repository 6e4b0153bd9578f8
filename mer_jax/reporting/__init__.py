"""A finished workdir for people: read back as columns, drawn, and written as a report."""
