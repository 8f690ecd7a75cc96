"""Files below a root that this kernel has mounted: captured, and replaced atomically."""
