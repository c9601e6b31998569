"""What the integration costs, measured beside the least that it could cost."""
