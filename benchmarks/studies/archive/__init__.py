"""An archive of synthetic and encoded photographs, graded with kills, on one machine and on Ray."""
