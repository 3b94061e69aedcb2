"""Time zones with something to each: changes of clocks on either half of the earth, at odd hours, by half an hour, or
none, offsets that are no whole hours, and a day that never was.
"""

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Europe/Lisbon",
    "UTC",
)
