"""Images of the lab's servers, built from recipes and kept in a cache."""
