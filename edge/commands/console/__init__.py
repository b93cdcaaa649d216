"""What commands share: errors, exit codes, signals, printing."""
