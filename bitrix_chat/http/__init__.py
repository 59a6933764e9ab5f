"""What whoever talks by aiohttp needs, to the portal or to the authorization server: no request is made here."""
