"""From a session's folder to an archive of images (PACS): a folder, or a DICOMweb server."""
