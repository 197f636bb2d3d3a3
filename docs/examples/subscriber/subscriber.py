"""A durable subscriber of edrelay's events with the official Python client (pip install nats-py).

Needs the settings that `edrelay nats-user add` gives: NATS_URL, NATS_CREDS (the .creds file) and NATS_INBOX_PREFIX.
"""
import asyncio
import json
import os

import nats
from nats.errors import TimeoutError


async def main():
    connection = await nats.connect(
        os.environ["NATS_URL"],
        user_credentials=os.environ["NATS_CREDS"],
        inbox_prefix=os.environ["NATS_INBOX_PREFIX"].encode(),
        max_reconnect_attempts=-1,
    )
    events = await connection.jetstream().pull_subscribe(
        "events.org.openedx.learning.student.registration.completed.v1",
        durable="registrations-py",
        stream="EVENTS",
    )
    while True:
        try:
            messages = await events.fetch(100, timeout=5)
        except TimeoutError:
            continue
        for message in messages:
            user = json.loads(message.data)["user"]
            print(message.headers["ce-type"], message.headers["ce-id"], "user", user["id"], flush=True)
            await message.ack_sync()  # only now it is done; without it the event comes again


asyncio.run(main())
