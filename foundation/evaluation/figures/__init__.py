"""Pictures of an evaluation: one function a picture, each returns PNG bytes."""
