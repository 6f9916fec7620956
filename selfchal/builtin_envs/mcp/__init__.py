"""Any MCP servers as an environment: worlds with reset, fork, digest and difference over what they keep.

``configuration`` reads people's mcpServers JSON, ``config`` the manifest's section. ``connect``
starts a server (``pipes``) or reaches it (``streamable_http``), ``background`` owns what they leave on this
machine, ``keepers`` and its neighbours save and restore what a server keeps, ``server`` answers calls on any
saved state, ``environment`` makes an environment of all of it. The SDK is imported when a server is started.
"""
