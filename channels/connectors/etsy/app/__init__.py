"""Pages of the application at Etsy: signing in and the webhook; tokens of a sign-in. Start reading in `urls`."""
