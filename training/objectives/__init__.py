"""What networks are trained by: objectives by name, combined with weights, and augmentations of windows."""
