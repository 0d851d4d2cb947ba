"""From an uploaded document to what searches find: jobs and their worker, embedding, chunk rows, stores."""
