"""How the enlarged picture is found, before a network represents it.

A search by total variation and self-similarity, corrected by what its own mistakes on smaller versions teach.
"""
