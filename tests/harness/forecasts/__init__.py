"""How good forecasts are: on made series, on published ones, and on users who came back or did not."""
