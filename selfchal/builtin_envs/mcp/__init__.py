"""Any MCP servers as an environment: worlds with reset, fork, digest and difference over what they keep.

``configuration`` reads people's mcpServers JSON, ``config`` the manifest's section. ``background`` and
``connection`` hold the processes, ``keepers`` and its neighbours save and restore what a server keeps,
``server`` answers calls on any saved state, ``environment`` makes an environment of all of it. The SDK is
imported by ``connection`` alone, when a server is started.
"""
