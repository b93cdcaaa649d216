"""Speaking to an archive of images: hosts, certificates, credentials, and HTTP in bounded time."""
