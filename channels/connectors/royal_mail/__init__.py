"""Royal Mail Click & Drop v1: labels, tracking numbers and manifests for business accounts (OBA)."""
