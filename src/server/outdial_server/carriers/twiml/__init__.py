"""What Twilio's API and those made like it have in common."""
