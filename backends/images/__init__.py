"""Image recipes and the content-addressed cache of what they build."""
