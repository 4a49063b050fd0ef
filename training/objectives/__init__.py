"""What networks are trained by: objectives by name, each a `base.Objective`, summed with weights."""
