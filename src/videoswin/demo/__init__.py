"""`videoswin demo`: a rendered data set in which only motion decides, and the whole story on it.

Nothing in videoswin depends on this package.
"""
