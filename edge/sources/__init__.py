"""Where photographs lie besides folders: archives, lists, object storage, web servers, DICOMweb.

``source`` is what all kinds come down to, ``address`` tells which kind a text names, and the others list one kind each,
one photograph after the other.
"""
