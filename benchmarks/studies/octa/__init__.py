"""What the model of OCT angiograms is worth, on scans that no training has seen."""
