"""ms-swift's command lines and its Python names."""
