"""Documents that the server fetches itself: from URLs, and from folders of its machine."""
