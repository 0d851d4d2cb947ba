"""Finding chunks by words and vectors, and measuring how well they are found."""
