"""What all this costs the person at the keyboard: probes, statistics, verdicts."""
