"""Speed measurements, each compared with a minimum or a plain client that is measured in the same run."""
