"""What is kept of documents: bases, their documents and chunks as rows, files, loaders, the splitter."""
