export default {
  "document.page": "Page",
  "document.previous": "Previous page",
  "document.next": "Next page",
  "document.of_pages": "of {n}",
  "document.page_n": "Page {n} of {name}",
  "document.no_page": "There is no page {n} in this document.",
  "document.no_text": "The document has no text.",
  "document.written_by_hand": "Somebody wrote this chunk; it has no place in the document.",
  "document.before": "Show what is before",
  "document.after": "Show what follows"
};
