"""Virtual hospitals in Flower's simulation engine: `python -m benchmarks.engine COUNT`.

Needs flwr[simulation]. The engine starts processes of its own; what is printed are the seconds of
two trips, a line each.
"""

import sys
import time

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from benchmarks.virtual import table
from protocol.ids import SiteId

PARTITION, DATA = "partition-id", "data"
TRIPS = 2

client = ClientApp()


@client.query()
def query(message: Message, context: Context) -> Message:
    """Answer as the virtual hospital that the engine says this is."""
    request = message.content.config_records[DATA]
    size, raw = request["size"], request["raw"]
    place = context.node_config[PARTITION]
    if not (isinstance(size, int) and isinstance(raw, bytes) and isinstance(place, int)):
        raise TypeError("a message of another app")
    site = table(size).view.sites[place]
    reply = ConfigRecord({"site": str(site), "raw": table(size).reply(site, raw)})
    return Message(RecordDict({DATA: reply}), reply_to=message)


def conduct(grid: Grid, size: int) -> None:
    """Ask all virtual hospitals, and print the seconds that each trip took."""
    while len(nodes := list(grid.get_node_ids())) < size:
        time.sleep(0.02)
    for _ in range(TRIPS):
        began = time.perf_counter()
        table(size).close(_asked(grid, nodes))
        print(time.perf_counter() - began, flush=True)


def _asked(grid: Grid, nodes: list[int]) -> dict[SiteId, bytes]:
    record = ConfigRecord({"size": len(nodes), "raw": table(len(nodes)).request})
    messages = [Message(RecordDict({DATA: record}), node, "query") for node in nodes]
    waiting, replies = set(grid.push_messages(messages)), dict[SiteId, bytes]()
    while waiting:
        for message in grid.pull_messages(waiting):
            said = message.content.config_records[DATA]
            replies[SiteId(str(said["site"]))] = bytes(said["raw"])  # type: ignore[arg-type]
            waiting.discard(message.metadata.reply_to_message_id)
        time.sleep(0.02)
    return replies


def main() -> None:
    """Run the engine with so many virtual hospitals."""
    from flwr.simulation import run_simulation  # noqa: PLC0415

    from benchmarks.engine import client as named  # noqa: PLC0415 - Ray goes by the name

    size, server = int(sys.argv[1]), ServerApp()
    server.main()(lambda grid, _: conduct(grid, size))
    run_simulation(server, named, size)


if __name__ == "__main__":
    main()
