"""Those who watch runs without looking at them: metrics, messages, and what these need installed."""
