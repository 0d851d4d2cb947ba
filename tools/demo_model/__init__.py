# Owns the making of Modelyard's demo model: corpus, training, export and evaluation. Nothing in the server imports it.
