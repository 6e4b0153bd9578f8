"""Tables of many trainings: their rows resolved, trained and gathered."""
