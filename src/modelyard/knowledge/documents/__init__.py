"""Documents as they are kept: rows of bases and documents, files, the loaders and the splitter.

Nothing here knows of indexes. To add a format, write a loader in `loaders/` and name its extensions in
`loaders/formats.py`. When loaders or the splitter make other chunks than before, their `VERSION` grows, so that
documents are indexed again.
"""
