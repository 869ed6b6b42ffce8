"""Drawing of records, for reports, progress pictures and the simulator alike."""
