"""Keys and signatures of bundles, for the machine where bundles are made. Devices check them: ``edge.bundle.trust``."""
