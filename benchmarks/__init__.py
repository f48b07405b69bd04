"""Figures of speed, each against a floor or a peer that is measured in the same run."""
