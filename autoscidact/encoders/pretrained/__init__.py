"""Networks that others trained on images, as encoders or as the source of features that are kept."""
