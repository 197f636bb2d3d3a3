// Reads [{secret, headers, body}] from standard input and writes for each "ok" or the library's objection.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const verdicts = JSON.parse(readFileSync(0, "utf8")).map(({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64").toString("utf8"), headers);
    return "ok";
  } catch (error) {
    return error.message;
  }
});
process.stdout.write(JSON.stringify(verdicts));
