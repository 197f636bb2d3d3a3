// A durable subscriber of edrelay's events with the official JavaScript client. Needs the settings that
// `edrelay nats-user add` gives: NATS_URL, NATS_CREDS (the .creds file) and NATS_INBOX_PREFIX.
import { readFileSync } from "node:fs";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";

const connection = await connect({
  servers: process.env.NATS_URL,
  authenticator: credsAuthenticator(readFileSync(process.env.NATS_CREDS)),
  inboxPrefix: process.env.NATS_INBOX_PREFIX,
  maxReconnectAttempts: -1,
});
const manager = await jetstreamManager(connection, { checkAPI: false });
await manager.consumers.add("EVENTS", {
  durable_name: "registrations-js",
  filter_subject: "events.org.openedx.learning.student.registration.completed.v1",
  ack_policy: AckPolicy.Explicit,
});
const consumer = await jetstream(connection, { checkAPI: false }).consumers.get("EVENTS", "registrations-js");
const messages = await consumer.consume();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => messages.close().then(() => connection.drain()));
}
for await (const message of messages) {
  const { user } = message.json();
  console.log(message.headers.get("ce-type"), message.headers.get("ce-id"), "user", user.id);
  message.ack(); // only now it is done; without it the event comes again
}
