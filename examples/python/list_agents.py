"""Prints every agent within reach of the key in LATCHKEY_KEY (`agents:read`)."""

import os

from latchkey import ask

URL = os.environ.get("LATCHKEY_URL", "http://127.0.0.1:4000")

LIST_AGENTS = """
query ListAgents($after: String) {
  agents(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
}
"""


def all_agents(secret):
    """Every agent, page after page."""
    after = None
    while True:
        agents = ask(f"{URL}/graphql", secret, LIST_AGENTS, {"after": after})["agents"]
        yield from agents["nodes"]
        if not agents["pageInfo"]["hasNextPage"]:
            return
        after = agents["pageInfo"]["endCursor"]


if __name__ == "__main__":
    for agent in all_agents(os.environ["LATCHKEY_KEY"]):
        print(agent["id"], agent["name"])
