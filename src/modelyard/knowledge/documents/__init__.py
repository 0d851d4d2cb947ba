"""Documents: rows of bases and documents, files, loaders and the splitter.

This package is independent of indexes. To add a format, write a loader in `loaders/` and add its extensions to
`loaders/formats.py`. When a change of the loaders or the splitter changes the chunks, increment their `VERSION`, so that
documents are indexed again.
"""
