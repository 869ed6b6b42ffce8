"""Questions to a model of tracks about genes: how they are spliced, what an edit would do, how they fold."""
