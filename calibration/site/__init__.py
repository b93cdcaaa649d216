"""A site's own criterion fitted onto a bundle."""
